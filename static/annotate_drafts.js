// Drafts of the annotation page: saved within a second, never over a newer one.
const form = document.getElementById("answer");
const conflict = document.getElementById("conflict");
const saved = document.getElementById("saved");
const backupName = form && `draft ${form.dataset.draft}`;

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
  freshen(form);
  const body = new URLSearchParams(new FormData(form));
  return fetch(form.dataset.draft, { method: "POST", body, headers: { Accept: "application/json" } });
}

async function save() {
  if (saving || stopped) return;
  saving = true;
  dirty = false;
  try {
    const answer = await send();
    if (answer.redirected) saved.textContent = "Not saved: sign in again in another tab, then go on typing here";
    else if (answer.ok) await noteSaved(await answer.json());
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
