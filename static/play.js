// Playing by hand: the action line filters the admissible actions; Enter plays the chosen one.
function line() {
  return document.getElementById("play-action");
}

function choices() {
  return [...document.querySelectorAll("[data-choices] button")];
}

function shown() {
  return choices().filter((button) => !button.hidden);
}

function mark(button) {
  choices().forEach((other) => other.classList.toggle("chosen", other === button));
  button?.scrollIntoView({ block: "nearest" });
}

function marked() {
  return shown().find((button) => button.classList.contains("chosen"));
}

// Every typed word must occur: "dra 1" finds "go to drawer 1".
function narrow() {
  const words = line().value.toLowerCase().split(/\s+/).filter(Boolean);
  choices().forEach((button) => {
    button.hidden = !words.every((word) => button.value.toLowerCase().includes(word));
  });
  const exact = shown().find((button) => button.value === line().value);
  mark(words.length ? exact || shown()[0] : undefined);
  const count = document.querySelector("[data-count]");
  if (count) count.textContent = shown().length;
}

function step(by) {
  const all = shown();
  const place = all.indexOf(marked());
  const next = place < 0 ? (by > 0 ? 0 : all.length - 1) : place + by;
  mark(all[Math.min(Math.max(next, 0), all.length - 1)]);
}

function onLineKey(event) {
  if (event.target !== line() || event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    step(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape") {
    line().value = "";
    narrow();
  } else if (event.key === "Enter" && marked()) {
    event.preventDefault();
    marked().click();
  }
}

function onPageKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  if (event.key !== "/" || !line()) return;
  event.preventDefault();
  line().focus();
}

// After each step the newest observation is in sight and the action line has the focus.
function settle() {
  document.getElementById("play-form")?.scrollIntoView({ block: "end" });
  document.getElementById("latest")?.scrollIntoView({ block: "nearest" });
  const next = document.querySelector("#game textarea") || document.querySelector("#game a.button");
  (line() || next)?.focus({ preventScroll: true });
  if (line()?.value) narrow(); // a refused action stands there still
}

document.addEventListener("input", (event) => event.target === line() && narrow());
document.addEventListener("keydown", onLineKey);
document.addEventListener("keydown", onPageKey);
document.addEventListener("htmx:afterSettle", (event) => event.target.id === "game" && settle());
// A refused step comes with its reason and the game as it stands.
document.addEventListener("htmx:beforeSwap", (event) => {
  if ([409, 422].includes(event.detail.xhr.status)) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
settle();
