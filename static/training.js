// Training pages: draws curves in the theme's colours and adds new points while a run is live.
const POLL_MS = 3000;
let figures = {};

function readFigures() {
  const source = document.getElementById("figures");
  figures = source ? JSON.parse(source.textContent) : {};
}

function drawFigures() {
  if (!window.Plotly) return;
  document.querySelectorAll("[data-figure]").forEach((place) => {
    const figure = figures[place.dataset.figure];
    if (!figure) return;
    const { data, layout } = coloured(figure);
    layout.font.family = getComputedStyle(document.body).fontFamily;
    layout.yaxis.rangemode = isFlat(data) ? "tozero" : "normal"; // else 0.0002 is drawn as 0 ± 1
    Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  });
}

function isFlat(data) {
  return new Set(data.flatMap((trace) => trace.y)).size === 1;
}

// A point that is known already (a resumed run tells some steps again) takes the new value.
function addPoint([name, split, step, value]) {
  const trace = figures[name]?.data.find((one) => one.name === split);
  if (!trace) return false;
  const place = trace.x.indexOf(step);
  if (place >= 0) trace.y[place] = value;
  else {
    trace.x.push(step);
    trace.y.push(value);
  }
  return true;
}

async function addNewPoints(curves) {
  const answer = await fetch(`${curves.dataset.points}?after=${curves.dataset.newest}`);
  if (!answer.ok) return true;
  const { points, newest, moving } = await answer.json();
  curves.dataset.newest = newest;
  const known = points.map(addPoint).every(Boolean);
  if (!known) htmx.ajax("GET", location.pathname, { target: "#curves", swap: "outerHTML" });
  else if (points.length) drawFigures();
  return moving;
}

async function follow() {
  const curves = document.getElementById("curves");
  if (!curves?.dataset.moving) return;
  let moving = true;
  try {
    if (!document.hidden) moving = await addNewPoints(curves);
  } catch {
    // The server is away for a moment: the next look tries again.
  }
  if (moving) setTimeout(follow, POLL_MS);
}

// The live part is replaced every few seconds: a fold that is open stays open.
let logOpen = null;
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id === "live") logOpen = document.getElementById("log")?.open ?? null;
});
document.body.addEventListener("htmx:afterSwap", () => {
  const log = document.getElementById("log");
  if (log && logOpen !== null) log.open = logOpen;
});

readFigures();
drawFigures();
setTimeout(follow, POLL_MS);
document.addEventListener("theme-changed", drawFigures);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawFigures);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id !== "curves") return;
  readFigures();
  drawFigures();
});
