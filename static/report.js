// Puts a block from the picker into a report's text, copies its link, prints it.
const picker = document.querySelector("[data-picker]");

function blockText() {
  const kind = document.getElementById("pick-kind").value;
  const numbers = document.getElementById("pick-numbers").value.trim();
  const frozen = document.getElementById("pick-frozen").checked;
  const many = kind === "curve" || kind === "experiments";
  const now = new Date().toISOString().slice(0, 16).replace("T", " ");
  const lines = [`\`\`\`${kind}${frozen ? " frozen" : ""}`, `${many ? "experiments" : kind}: ${numbers}`];
  if (frozen) lines.push(`as of: ${now}`);
  return `\n\n${lines.join("\n")}\n\`\`\`\n\n`;
}

function insert() {
  const text = document.getElementById("id_text");
  text.setRangeText(blockText(), text.selectionStart, text.selectionEnd, "end");
  text.focus();
}

async function copyLink(event) {
  await navigator.clipboard.writeText(location.href.split("#")[0]);
  event.target.textContent = "Copied";
}

const insertButton = picker?.querySelector("[data-insert]");
if (insertButton) {
  insertButton.hidden = false;
  insertButton.addEventListener("click", insert);
}
const copyButton = document.querySelector("[data-copy-link]");
if (copyButton && navigator.clipboard) {
  copyButton.hidden = false;
  copyButton.addEventListener("click", copyLink);
}
const printButton = document.querySelector("[data-print]");
if (printButton) {
  printButton.hidden = false;
  printButton.addEventListener("click", () => print());
}
