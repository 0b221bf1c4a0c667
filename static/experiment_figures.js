// Learning curves: drawn in the theme's colours; toggles show and hide parts; a point opens its episodes.
// What the boxes say outlives a redraw, so that a live page keeps its choice.
const chosen = {};

function boxes() {
  return [...document.querySelectorAll("[data-toggles] input")];
}

function readBoxes() {
  boxes().forEach((box) => {
    const key = box.dataset.part || box.dataset.kind;
    if (key in chosen) box.checked = chosen[key];
    else chosen[key] = box.checked;
  });
}

function isShown(trace) {
  const { part, kind } = trace.meta || {};
  const byKind = chosen[kind] ?? true;
  return byKind && (part === "line" || (chosen[part] ?? true));
}

function drawFigures() {
  const source = document.getElementById("figures");
  if (!source || !window.Plotly) return;
  const figures = JSON.parse(source.textContent);
  document.querySelectorAll("[data-figure]").forEach((place) => {
    const { data, layout } = coloured(figures[place.dataset.figure]);
    data.forEach((trace) => (trace.visible = isShown(trace)));
    layout.font.family = getComputedStyle(document.body).fontFamily;
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
    place.removeAllListeners?.("plotly_click");
    place.on?.("plotly_click", openPoint);
  });
}

// The key names what is drawn; without a box for it a kind is always drawn.
function nameWhatIsDrawn() {
  document.querySelectorAll("[data-legend]").forEach((line) => (line.hidden = !(chosen[line.dataset.legend] ?? true)));
}

function openPoint({ points: [point] }) {
  if (point?.customdata) location.href = point.customdata;
}

function onToggle(event) {
  if (!event.target.matches("[data-toggles] input")) return;
  chosen[event.target.dataset.part || event.target.dataset.kind] = event.target.checked;
  drawFigures();
  linkWhatIsDrawn();
  nameWhatIsDrawn();
}

// The CSV file holds the kinds of curves that are drawn, no more and no fewer.
function linkWhatIsDrawn() {
  const link = document.querySelector("a[data-csv]");
  if (!link) return;
  const kinds = boxes().filter((box) => box.dataset.kind && box.checked);
  const address = new URL(link.href);
  address.searchParams.set("show", kinds.map((box) => box.dataset.kind).join(","));
  link.href = address;
}

async function savePictures(name) {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const background = getComputedStyle(document.body).backgroundColor;
    const layout = { ...place.layout, paper_bgcolor: background, plot_bgcolor: background };
    const drawn = { data: place.data, layout };
    const size = { format: "png", width: 900, height: 520, scale: 2 };
    const link = document.createElement("a");
    link.href = await Plotly.toImage(drawn, size);
    link.download = `${name}-${place.dataset.figure}.png`;
    link.click();
  }
}

function ready() {
  document.querySelectorAll("[data-toggles], [data-png]").forEach((part) => (part.hidden = false));
  readBoxes();
  linkWhatIsDrawn();
  nameWhatIsDrawn();
  drawFigures();
}

// The library may come late: it is large, and nothing else waits for it.
ready();
document.querySelector("script[data-plotly]").addEventListener("load", drawFigures);
document.addEventListener("change", onToggle);
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-png]");
  if (button && window.Plotly) savePictures(button.dataset.png);
});
document.addEventListener("theme-changed", drawFigures);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawFigures);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "curve") ready();
});
