// The experiments list: j and k move between rows, x selects, / goes to the search; the number selected.
function links() {
  return [...document.querySelectorAll("#experiments .row-link")];
}

function tellTicked() {
  const count = new Set([...document.querySelectorAll("input[form=bulk]:checked")].map((box) => box.value)).size;
  const place = document.querySelector("[data-ticked]");
  if (place) place.textContent = count ? `${count} selected:` : "Selected:";
}

function move(by) {
  const all = links();
  if (!all.length) return;
  const row = document.activeElement.closest("tr");
  const here = all.findIndex((link) => link.closest("tr") === row);
  all[Math.min(Math.max(here + by, 0), all.length - 1)].focus();
}

function tick() {
  const box = document.activeElement.closest("#experiments tr")?.querySelector("input[form=bulk]");
  if (!box) return;
  box.checked = !box.checked;
  tellTicked();
}

function onListKey(event) {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open], [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  if (event.key === "/") {
    event.preventDefault();
    document.querySelector("main input[name=q]").select();
  } else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
  else if (event.key === "x") tick();
}

document.addEventListener("keydown", onListKey);
document.addEventListener("change", tellTicked);
