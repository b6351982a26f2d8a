// Give figures the colours of the page, now and whenever the reader's theme changes. Plotly sets other colours by default.
const dark = matchMedia("(prefers-color-scheme: dark)");
function theme() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const change = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font.color": ink, "title.font.color": ink};
    for (const axis of Object.keys(plot._fullLayout).filter(name => /^[xy]axis\d*$/.test(name))) {
      change[axis + ".gridcolor"] = change[axis + ".zerolinecolor"] = line;
    }
    Plotly.relayout(plot, change);
  }
}
dark.addEventListener("change", theme);
theme();
