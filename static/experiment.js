// The experiment page: draws the figures in the theme's colours, moves through the matrix by keys.
const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

function tokenColour(value) {
  if (typeof value !== "string" || !value.startsWith("var(")) return value;
  probe.style.color = value;
  return getComputedStyle(probe).color;
}

function coloured(value) {
  if (Array.isArray(value)) return value.map(coloured);
  if (value === null || typeof value !== "object") return tokenColour(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
}

function drawFigures() {
  const source = document.getElementById("figures");
  if (!source || !window.Plotly) return;
  const figures = JSON.parse(source.textContent);
  document.querySelectorAll("[data-figure]").forEach((place) => {
    const { data, layout } = coloured(figures[place.dataset.figure]);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  });
}

// Arrow keys: left and right within a task, up and down between tasks; one cell is in the tab order.
function strips() {
  return [...document.querySelectorAll("[data-matrix] .strip")].map((strip) => [
    ...strip.querySelectorAll("a.cell"),
  ]);
}

function setTabStops() {
  const cells = strips().flat();
  const current = cells.find((cell) => cell === document.activeElement) || cells[0];
  cells.forEach((cell) => (cell.tabIndex = cell === current ? 0 : -1));
}

function onMatrixKey(event) {
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const move = moves[event.key];
  if (!move || !event.target.matches("[data-matrix] a.cell")) return;
  event.preventDefault();
  const rows = strips().filter((row) => row.length);
  const row = rows.findIndex((cells) => cells.includes(event.target));
  const place = rows[row].indexOf(event.target) + move[1];
  const next = rows[Math.min(Math.max(row + move[0], 0), rows.length - 1)];
  next[Math.min(Math.max(place, 0), next.length - 1)].focus();
  setTabStops();
}

// The figures may come late: the library is large, and nothing else waits for it.
drawFigures();
document.querySelector("script[data-plotly]").addEventListener("load", drawFigures);
setTabStops();
document.addEventListener("keydown", onMatrixKey);
document.addEventListener("theme-changed", drawFigures);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawFigures);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "curve") drawFigures();
  if (event.target.id === "matrix") setTabStops();
});
