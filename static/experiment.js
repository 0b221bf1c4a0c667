// The experiment page: arrow keys through the matrix, left and right within a task, up and down between tasks.
function strips() {
  return [...document.querySelectorAll("[data-matrix] .strip")].map((strip) => [
    ...strip.querySelectorAll("a.cell"),
  ]);
}

// One cell is in the tab order.
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

// Squares of episodes that were just recorded: task, trial, kind, label and address of each.
function showCells({ detail }) {
  for (const [task, trial, kind, label, address] of detail.cells) {
    const old = document.querySelector(`#t${task} .cells`)?.children[trial - 1];
    if (!old) continue;
    const cell = document.createElement(address ? "a" : "span");
    cell.className = `cell ${kind}`;
    cell.title = label;
    if (address) cell.href = address;
    old.replaceWith(cell);
  }
  setTabStops();
}

setTabStops();
document.body.addEventListener("cells-changed", showCells);
document.addEventListener("keydown", onMatrixKey);
document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "matrix") setTabStops();
});
