// A figure in a closed part has no width. It is measured again when the part opens.
for (const part of document.querySelectorAll("details")) {
  part.addEventListener("toggle", () => part.querySelectorAll(".js-plotly-plot").forEach(plot => Plotly.Plots.resize(plot)));
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(part => { part.open = true; }));
