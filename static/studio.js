// What every page shares: theme toggle, key overlay, go-to keys, relative times, fresh form tokens.
const root = document.documentElement;

function isDark() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  return (root.dataset.theme || system) === "dark";
}

function nameTheme() {
  document.querySelectorAll("[data-theme-name]").forEach((label) => {
    label.textContent = isDark() ? "Light theme" : "Dark theme";
  });
}

function toggleTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Storage can be forbidden: the choice then lasts for this page.
  }
  nameTheme();
  document.dispatchEvent(new CustomEvent("theme-changed"));
}

function ago(seconds) {
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return null;
}

function refreshTimes() {
  document.querySelectorAll("time[data-relative]").forEach((time) => {
    const text = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
    if (text) time.textContent = text;
  });
}

function isTyping(target) {
  return target.closest("input, textarea, select, dialog[open], [contenteditable]") !== null;
}

// The page's own search box comes before the one of the rail; on a phone the rail has none.
function focusSearch(event) {
  const own = document.querySelectorAll("main .search-form input[type=search]");
  const boxes = [...own, ...document.querySelectorAll("[data-search]")];
  const box = boxes.find((one) => one.offsetParent);
  if (!box) return;
  event.preventDefault();
  box.select();
}

const GO = { e: "/experiments/", t: "/task-sets/", w: "/worlds/", r: "/reflections/", n: "/annotation/", f: "/atlas/" };
let goUntil = 0; // after g the next letter leads to another page, for a moment

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "?") return document.getElementById("keys")?.showModal();
  if (event.key === "/") return focusSearch(event);
  if (Date.now() < goUntil && GO[event.key]) location.href = GO[event.key];
  goUntil = event.key === "g" ? Date.now() + 1200 : 0;
}

// Signing in again, in whichever tab, changes the token: the cookie has the one that counts.
function freshToken() {
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
}

function freshen(form) {
  const field = form.elements.csrfmiddlewaretoken;
  if (field) field.value = freshToken() || field.value;
}

function freshenRequest({ detail }) {
  const token = freshToken();
  if (!token) return;
  detail.headers["X-CSRFToken"] = token;
  if (detail.parameters.csrfmiddlewaretoken) detail.parameters.csrfmiddlewaretoken = token;
}

// A page whose session has ended stays as it is and says so, until it is answered again.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const notice = document.getElementById("signed-out");
  const told = detail.xhr.getResponseHeader("HX-Trigger") ?? "";
  if (notice && detail.successful) notice.hidden = !told.includes("signed-out");
});

document.querySelectorAll("[data-toggle-theme]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", toggleTheme);
});
document.querySelectorAll("[data-open-keys]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById("keys").showModal());
});
// On a phone the links hide behind one button.
function openMenu(open) {
  const button = document.querySelector("[data-menu]");
  if (button?.offsetParent) button.setAttribute("aria-expanded", open);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-menu]");
  if (button) openMenu(button.getAttribute("aria-expanded") !== "true");
  else if (!event.target.closest("#main-menu")) openMenu(false);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") openMenu(false);
});
document.querySelectorAll("[data-submit-on-change]").forEach((form) => {
  form.addEventListener("change", () => form.requestSubmit());
});
document.addEventListener("keydown", onKey);
document.addEventListener("submit", (event) => freshen(event.target), true);
document.addEventListener("htmx:configRequest", freshenRequest);
nameTheme();
setInterval(refreshTimes, 30000);
