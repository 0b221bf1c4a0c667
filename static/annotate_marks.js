// Highlights of the annotation page: characters counted as the server counts them.
const reflection = document.getElementById("reflection-text");
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
