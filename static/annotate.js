// The annotation page: keys, heartbeat, reveal, undo for 10 s.
const skip = document.getElementById("skip");
const undo = document.querySelector("[data-undo]");
const VALUES = ["-1", "-0.5", "0", "0.5", "1"];
const KINDS = { a: "accept", o: "override", u: "unsure", d: "discard" };

// ---------- the next episode, shown after the first answer ----------
let revealing = false;

function isRevealed() {
  return document.getElementById("outcome").dataset.shown === "yes";
}

// Tried again with the next saved draft if it did not come.
async function reveal() {
  if (isRevealed() || revealing) return;
  revealing = true;
  const place = document.getElementById("outcome");
  try {
    await htmx.ajax("GET", form.dataset.item, { source: place, target: "#outcome", swap: "outerHTML" });
  } catch {
    // No connection.
  }
  revealing = false;
  const accept = form.querySelector('[name="kind"][value="accept"]');
  if (form.dataset.accepts && isRevealed()) accept.disabled = false;
}

// ---------- heartbeat and time ----------
let seconds = 0;

async function beat() {
  if (document.visibilityState === "hidden") return;
  freshen(form);
  const token = form.elements.csrfmiddlewaretoken.value;
  const headers = { "X-CSRFToken": token, Accept: "application/json" };
  try {
    const answer = await fetch(form.dataset.beat, { method: "POST", headers });
    document.getElementById("lost").hidden = answer.status !== 409 || form.dataset.own === "yes";
  } catch {
    // The lease lasts for several beats.
  }
}

function tick() {
  if (document.visibilityState === "visible") seconds += 1;
}

// ---------- keys ----------
function choose(name, value) {
  const box = form.querySelector(`[name="${name}"][value="${value}"]`);
  if (!box || box.disabled) return;
  box.checked = true;
  changed();
}

function override(value) {
  form.elements.value.value = value;
  choose("kind", "override");
}

function writeValue() {
  choose("kind", "override");
  form.elements.value.focus();
  form.elements.value.select();
}

function giveReasons() {
  choose("kind", "override");
  form.querySelector('[name="reasons"]').focus();
}

function cycle(key) {
  const boxes = [...document.querySelectorAll(`[data-cycle="${key}"] input`)];
  const next = boxes.findIndex((box) => box.checked) + 1;
  boxes.forEach((box, place) => (box.checked = place === next));
  boxes[0].closest("details")?.setAttribute("open", "");
  changed();
}

function isWriting(target) {
  return target.closest('textarea, select, dialog, input:not([type="radio"], [type="checkbox"])') !== null;
}

function onWorkKey(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return form?.requestSubmit();
  if (event.key === "Escape" && isWriting(event.target)) return event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
  if (event.key === "z" && undo?.isConnected) return undo.requestSubmit();
  if (event.key === "?" && event.target.closest("input")) return document.getElementById("keys").showModal();
  if (form) onAnswerKey(event);
}

let leavingUntil = 0; // after g the next letter leads to another page

function onAnswerKey(event) {
  const key = event.key;
  if (key === "g") leavingUntil = Date.now() + 1200;
  if (Date.now() < leavingUntil) return;
  if (KINDS[key]) choose("kind", KINDS[key]);
  else if (VALUES[key - 1]) override(VALUES[key - 1]);
  else if ("cqwert".includes(key)) cycle(key);
  else if (key === "h") highlight("good");
  else if (key === "x") highlight("bad");
  else if (key === "s") skip.requestSubmit();
  else if (key === "m") form.elements.note.focus();
  else if (key === "v") writeValue();
  else if (key === "y") giveReasons();
  else if (key === "n") document.getElementById("outcome").scrollIntoView();
  else return;
  event.preventDefault();
}

// The reflection stays above what is scrolled to.
function tellHeight() {
  const card = reflection.closest(".in-view");
  document.documentElement.style.setProperty("--reflection-height", `${card.offsetHeight}px`);
}

function begin() {
  new ResizeObserver(tellHeight).observe(reflection);
  form.elements.tab.value = Math.random().toString(36).slice(2);
  spans = JSON.parse(document.getElementById("spans").textContent);
  form.elements.spans.value = JSON.stringify(spans);
  document.getElementById("highlights").hidden = false;
  document.querySelector("[data-highlight-clear]").hidden = spans.length === 0;
  form.querySelectorAll("[data-value]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => override(button.dataset.value));
  });
  document.querySelectorAll("[data-highlight]").forEach((button) => {
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => highlight(button.dataset.highlight));
  });
  document.querySelector("[data-highlight-clear]").addEventListener("click", () => {
    spans = [];
    draw();
    changed();
  });
  conflict.querySelector("[data-keep]").addEventListener("click", keepThis);
  form.addEventListener("input", changed);
  form.addEventListener("submit", submitting);
  document.addEventListener("visibilitychange", flush);
  addEventListener("online", () => dirty || timer ? save() : null);
  setInterval(beat, 60000);
  setInterval(tick, 1000);
  restore();
}

document.addEventListener("keydown", onWorkKey);
addEventListener("pageshow", (event) => event.persisted && location.reload()); // its draft may have moved on
dropArrived();
if (form) begin();
if (undo) setTimeout(() => undo.remove(), 10000);

// ---------- the model's suggestion stays open or closed, as it was left ----------
for (const fold of document.querySelectorAll("[data-remember]")) {
  const name = `fold ${fold.dataset.remember}`;
  try {
    if (localStorage.getItem(name) === "closed") fold.open = false;
    fold.addEventListener("toggle", () => localStorage.setItem(name, fold.open ? "open" : "closed"));
  } catch {
    // Storage can be forbidden: then it opens each time.
  }
}
