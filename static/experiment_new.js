// Shows the fields of the chosen source of tasks only, and those of its world. Without this script
// both sources are shown, and the fields of the world that the page was opened for.
function chosenWorld(source) {
  if (source === "generate") return document.querySelector("select[name=split]").value.split(":")[0];
  return document.querySelector("select[name=task_set]").selectedOptions[0]?.dataset.world;
}

function showChosen() {
  const chosen = document.querySelector("input[name=tasks_from]:checked")?.value;
  document.querySelectorAll("[data-shown-for]").forEach((group) => {
    group.hidden = group.dataset.shownFor !== chosen;
  });
  const world = chosenWorld(chosen);
  document.querySelectorAll("[data-of-world]").forEach((group) => {
    group.hidden = group.dataset.ofWorld !== world;
  });
}

document.addEventListener("change", showChosen);
showChosen();
