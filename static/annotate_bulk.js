// Counts the chosen rows of a bulk answer or of the audit list and chooses all or none.
const boxes = [...document.querySelectorAll('input[type="checkbox"]:is([name="item"], [name="event"])')];

function count() {
  const place = document.querySelector("[data-count]");
  if (place) place.textContent = boxes.filter((box) => box.checked).length;
}

document.querySelectorAll("[data-choose]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => {
    boxes.forEach((box) => (box.checked = button.dataset.choose === "all"));
    count();
  });
});
document.addEventListener("change", count);
count();
