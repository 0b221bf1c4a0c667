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

function onEpisodeKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "j") return move(1);
  if (event.key === "k") return move(-1);
  if (event.key === "p") return currentStep()?.querySelector("[data-prompt]")?.click();
  document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
}

// A permanent link to a step beyond the first window opens the window that holds it.
function openLinkedStep() {
  const linked = /^#step-(\d+)$/.exec(location.hash);
  const timeline = document.getElementById("timeline");
  if (!linked || !timeline) return;
  const step = document.getElementById(`step-${linked[1]}`);
  if (step) return choose(step);
  const first = Math.floor((linked[1] - 1) / timeline.dataset.window) * timeline.dataset.window;
  if (!location.search.includes(`from=${first}`)) {
    location.replace(`${timeline.dataset.episode}?from=${first}${location.hash}`);
  }
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

// A second press on "Prompt sent" closes it again.
document.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.target.closest("[data-prompt]");
  const place = link && document.querySelector(link.getAttribute("hx-target"));
  if (place?.childElementCount) {
    place.replaceChildren();
    event.preventDefault();
  }
});
document.addEventListener("keydown", onEpisodeKey);
document.addEventListener("click", copyText);
addEventListener("hashchange", openLinkedStep);
openLinkedStep();
