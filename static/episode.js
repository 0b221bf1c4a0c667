// Moves through the steps of an episode (or the trials of a task) by keys, and copies texts.
function steps() {
  return [...document.querySelectorAll("[data-step]")];
}

function currentStep() {
  return document.querySelector("[data-step].current") || document.querySelector("[data-step]:target");
}

function choose(step) {
  if (!step) return;
  document.querySelectorAll("[data-step].current").forEach((old) => old.classList.remove("current"));
  step.classList.add("current");
  step.scrollIntoView({ block: "nearest" });
  history.replaceState(history.state, "", `#${step.id}`);
}

function move(by) {
  const all = steps();
  const place = all.indexOf(currentStep());
  choose(all[place < 0 ? 0 : Math.min(Math.max(place + by, 0), all.length - 1)]);
}

const timeline = document.getElementById("timeline");

function numberOf(step) {
  return step ? Number(step.id.replace(/\D/g, "")) : 0;
}

// To the next or previous step that holds the words searched for, in whichever window it is.
function moveFound(by) {
  const found = (timeline?.dataset.found || "").split(" ").filter(Boolean).map(Number);
  if (!found.length) return;
  const here = numberOf(currentStep());
  const next = by > 0 ? found.find((number) => number > here) : found.findLast((number) => number < here);
  const number = next ?? (by > 0 ? found[0] : found.at(-1));
  const step = document.getElementById(`step-${number}`);
  if (step) return choose(step);
  location.href = windowWith(number);
}

// The address of this look at the episode in which a step is shown, whatever the filter.
function windowWith(number) {
  const query = new URLSearchParams(location.search);
  const size = timeline.dataset.window;
  const filtered = "filtered" in timeline.dataset;
  query.set("from", filtered ? number - 1 : Math.floor((number - 1) / size) * size);
  if (filtered) query.set("keep", number);
  return `${timeline.dataset.episode}?${query}#step-${number}`;
}

let goes = false; // after g the next key goes to a page

function onEpisodeKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog[open]")) return;
  const going = goes;
  goes = event.key === "g";
  if (going) return;
  if (event.key === "j") return move(1);
  if (event.key === "k") return move(-1);
  if (event.key === "n") return moveFound(1);
  if (event.key === "N") return moveFound(-1);
  if (event.key === "p") return currentStep()?.querySelector("[data-prompt]")?.click();
  if (event.key === "c") return currentStep()?.querySelector("[data-note]")?.click();
  document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
}

// A permanent link to a step that is not shown opens the window that holds it.
function openLinkedStep() {
  const linked = /^#step-(\d+)$/.exec(location.hash);
  if (!linked || !timeline) return;
  const step = document.getElementById(linked[0].slice(1));
  if (step) return choose(step);
  const address = windowWith(linked[1]);
  if (address !== location.pathname + location.search + location.hash) location.replace(address);
}

// Another filter keeps the step that one is at.
function keepStep(event) {
  const link = event.target.closest("[data-keeps-step]");
  const step = link && currentStep();
  if (step) link.hash = step.id;
}

// The permanent link of a step keeps the filter for who follows it here.
function stayInFilter(event) {
  const link = event.target.closest("[data-permalink]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose(link.closest("[data-step]"));
}

async function copyText(event) {
  const link = event.target.closest("[data-copy]");
  if (!link || !navigator.clipboard) return;
  event.preventDefault();
  const answer = await fetch(link.href);
  await navigator.clipboard.writeText(await answer.text());
  const words = link.textContent;
  link.textContent = "Copied";
  setTimeout(() => (link.textContent = words), 1500);
}

// A second press on "Prompt" or "Note" closes it again.
document.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.target.closest("[data-toggles]");
  const place = link && document.querySelector(link.getAttribute("hx-target"));
  if (place?.childElementCount) {
    place.replaceChildren();
    event.preventDefault();
  }
});
// With the swap, not some milliseconds later: whoever types at once must not be moved elsewhere.
document.addEventListener("htmx:afterSwap", (event) => {
  const box = event.target;
  if (box.id?.startsWith("notes-")) (box.querySelector("textarea") ?? box.querySelector("input[list]"))?.focus();
});
document.querySelectorAll("[data-found-step]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => moveFound(Number(button.dataset.foundStep)));
});
document.addEventListener("click", keepStep);
document.addEventListener("click", stayInFilter);
document.addEventListener("keydown", onEpisodeKey);
document.addEventListener("click", copyText);
addEventListener("hashchange", openLinkedStep);
openLinkedStep();
