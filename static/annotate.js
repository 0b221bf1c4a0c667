// The annotation page: keys, drafts by version, heartbeat, reveal, highlights, undo for 10 s.
const form = document.getElementById("answer");
const skip = document.getElementById("skip");
const undo = document.querySelector("[data-undo]");
const conflict = document.getElementById("conflict");
const saved = document.getElementById("saved");
const reflection = document.getElementById("reflection-text");
const VALUES = ["-1", "-0.5", "0", "0.5", "1"];
const KINDS = { a: "accept", o: "override", u: "unsure", d: "discard" };
const backupName = form && `draft ${form.dataset.draft}`;

// ---------- drafts: saved within a second, never over a newer one ----------
let timer = 0;
let saving = false;
let dirty = false;
let stopped = false;
let sent = ""; // the draft on its way: it may arrive though its answer does not

function changed() {
  if (!form || stopped) return;
  dirty = true;
  backUp();
  saved.textContent = "Saving…";
  clearTimeout(timer);
  timer = setTimeout(save, 400);
}

function typed() {
  return [...new FormData(form)].filter(([name]) => !/^(csrf|version|key|seconds|tab)/.test(name));
}

function backUp() {
  try {
    const { version, key } = form.elements;
    const kept = { version: version.value, key: key.value, fields: typed(), sent };
    localStorage.setItem(backupName, JSON.stringify(kept));
  } catch {
    // Storage can be forbidden or full: the server's draft is the one that counts.
  }
}

function dropBackup(name = backupName) {
  try {
    localStorage.removeItem(name);
  } catch {
    // As above.
  }
}

// What was submitted is kept here until the next page says that it arrived.
function dropArrived() {
  try {
    const name = sessionStorage.getItem("submitted");
    if (name && new URLSearchParams(location.search).has("undo")) dropBackup(name);
  } catch {
    // As above.
  }
}

function submitting(event) {
  if (!navigator.onLine) {
    event.preventDefault();
    saved.textContent = "Not submitted: no connection";
    return;
  }
  form.elements.seconds.value = seconds;
  clearTimeout(timer);
  stopped = true;
  backUp();
  try {
    sessionStorage.setItem("submitted", backupName);
  } catch {
    // As above.
  }
}

async function send() {
  sent = JSON.stringify(typed());
  backUp();
  const body = new URLSearchParams(new FormData(form));
  return fetch(form.dataset.draft, { method: "POST", body, headers: { Accept: "application/json" } });
}

async function save() {
  if (saving || stopped) return;
  saving = true;
  dirty = false;
  try {
    const answer = await send();
    if (answer.ok) await noteSaved(await answer.json());
    else if (answer.status === 409) showConflict(await answer.json());
    else saved.textContent = answer.status === 422 ? "Not saved: a field is too long" : "Not saved yet";
    if (answer.status >= 500) retry();
  } catch {
    saved.textContent = "Not saved yet: no connection";
    retry();
  }
  saving = false;
  if (dirty) timer = setTimeout(save, 200);
}

function retry() {
  dirty = false;
  timer = setTimeout(save, 2000);
}

async function noteSaved(answer) {
  form.elements.version.value = answer.version;
  saved.textContent = "Draft saved";
  if (!dirty) dropBackup();
  if (answer.answered) reveal();
}

function showConflict(answer) {
  stopped = true;
  conflict.hidden = false;
  conflict.dataset.version = answer.version;
  saved.textContent = "Not saved";
  if (!answer.submitted) return;
  conflict.querySelector("[data-words]").textContent = "You submitted this answer in another tab.";
  conflict.querySelector("[data-keep]").hidden = true;
}

function keepThis() {
  stopped = false;
  conflict.hidden = true;
  form.elements.version.value = conflict.dataset.version;
  changed();
}

// A draft that never reached the server is put back if nothing newer is there.
function restore() {
  let kept = null;
  try {
    kept = JSON.parse(localStorage.getItem(backupName));
  } catch {
    return;
  }
  if (!kept || !isOurs(kept)) return dropBackup();
  const all = new Map();
  kept.fields.forEach(([name, value]) => all.set(name, [...(all.get(name) || []), value]));
  for (const field of form.elements) {
    const values = all.get(field.name) || [];
    if (/^(csrf|version|key|seconds|tab)/.test(field.name)) continue;
    if (field.type === "radio" || field.type === "checkbox") field.checked = values.includes(field.value);
    else if (values.length) field.value = values[0];
  }
  spans = JSON.parse(form.elements.spans.value);
  draw();
  changed();
}

function isOurs(kept) {
  const { version, key } = form.elements;
  if (kept.key !== key.value) return false;
  const arrived = Number(version.value) === Number(kept.version) + 1 && kept.sent === JSON.stringify(typed());
  return arrived || kept.version === version.value;
}

function flush() {
  if (document.visibilityState === "hidden" && form && (dirty || timer) && !stopped && !saving) {
    clearTimeout(timer);
    save();
  }
}

// ---------- the next episode, shown after the first answer ----------
function reveal() {
  const place = document.getElementById("outcome");
  if (place.dataset.shown === "yes") return;
  place.dataset.shown = "yes";
  htmx.ajax("GET", location.pathname, { source: place, target: "#outcome", swap: "outerHTML" });
  const accept = form.querySelector('[name="kind"][value="accept"]');
  if (form.dataset.accepts) accept.disabled = false;
}

// ---------- heartbeat and time ----------
let seconds = 0;

async function beat() {
  if (document.visibilityState === "hidden") return;
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

// ---------- highlights: characters counted as the server counts them ----------
let spans = [];

function offset(node, place) {
  const range = document.createRange();
  range.setStart(reflection, 0);
  range.setEnd(node, place);
  return [...range.toString()].length;
}

function highlight(label) {
  const chosen = getSelection();
  if (!chosen.rangeCount || chosen.isCollapsed) return;
  const range = chosen.getRangeAt(0);
  if (!reflection.contains(range.commonAncestorContainer)) return;
  const [start, end] = [offset(range.startContainer, range.startOffset), offset(range.endContainer, range.endOffset)];
  spans = spans.filter((one) => one.end <= start || one.start >= end);
  spans.push({ start, end, label });
  spans.sort((one, other) => one.start - other.start);
  chosen.removeAllRanges();
  draw();
  changed();
}

function draw() {
  const letters = [...reflection.textContent];
  const pieces = [];
  let place = 0;
  for (const { start, end, label } of spans) {
    const mark = document.createElement("mark");
    mark.className = label;
    mark.textContent = letters.slice(start, end).join("");
    pieces.push(letters.slice(place, start).join(""), mark);
    place = end;
  }
  reflection.replaceChildren(...pieces, letters.slice(place).join(""));
  form.elements.spans.value = JSON.stringify(spans);
  document.querySelector("[data-highlight-clear]").hidden = spans.length === 0;
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
