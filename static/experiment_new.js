// Shows the fields of the chosen source of tasks only. Without this script all are shown.
function showChosen() {
  const chosen = document.querySelector("input[name=tasks_from]:checked")?.value;
  document.querySelectorAll("[data-shown-for]").forEach((group) => {
    group.hidden = group.dataset.shownFor !== chosen;
  });
}

document.addEventListener("change", showChosen);
showChosen();
