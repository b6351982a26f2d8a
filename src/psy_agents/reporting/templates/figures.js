// A figure is drawn once it can be seen: in a closed part it has no width, and forty figures would keep the page from opening.
// Figures have the colours of the page, now and whenever the reader's theme changes.
const dark = matchMedia("(prefers-color-scheme: dark)"), template = JSON.parse(document.getElementById("figure-template").textContent);
const PAPER = 680;  // Pixels between the margins of a printed page.
const figures = [...document.querySelectorAll(".figure")], parts = [...document.querySelectorAll("details")];
function colours(plot, ink, line) {
  const change = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "font.color": ink, "title.font.color": ink};
  for (const axis of Object.keys(plot._fullLayout).filter(name => /^[xy]axis\d*$/.test(name))) {
    change[axis + ".gridcolor"] = change[axis + ".zerolinecolor"] = line;
  }
  Plotly.relayout(plot, change);
}
function theme(plot) {
  const style = getComputedStyle(document.documentElement);
  colours(plot, style.getPropertyValue("--ink"), style.getPropertyValue("--line"));
}
const drawn = () => figures.filter(plot => plot._fullLayout);
function draw() {
  for (const plot of figures.filter(plot => !plot._fullLayout && !plot.closest("details:not([open])"))) {
    const {data, layout} = JSON.parse(plot.querySelector("script").textContent);
    plot.replaceChildren();
    Plotly.newPlot(plot, data, {...layout, template}, {responsive: true, displayModeBar: false});
    theme(plot);
  }
}
function reveal(id) {
  for (let part = document.getElementById(id)?.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
}
parts.forEach(part => part.addEventListener("toggle", draw));
document.querySelectorAll("nav a").forEach(link => link.addEventListener("click", () => reveal(link.hash.slice(1))));
document.getElementById("fold")?.addEventListener("click", () => {
  const open = parts.some(part => !part.open);
  parts.forEach(part => { part.open = open; });
});
addEventListener("hashchange", () => reveal(location.hash.slice(1)));
dark.addEventListener("change", () => drawn().forEach(theme));
addEventListener("beforeprint", () => drawn().forEach(plot => {
  plot.widthOnScreen = plot.layout.width ?? null;
  colours(plot, "#000", "#bbb");
  Plotly.relayout(plot, {width: PAPER});
}));
addEventListener("afterprint", () => drawn().forEach(plot => {
  Plotly.relayout(plot, plot.widthOnScreen ? {width: plot.widthOnScreen} : {width: null, autosize: true});
  theme(plot);
}));
reveal(location.hash.slice(1));
draw();
