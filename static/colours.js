// Figures name the stylesheet's tokens as colours: here each becomes the colour of the theme.
const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);

function tokenColour(value) {
  if (typeof value !== "string" || !value.startsWith("var(")) return value;
  probe.style.color = value;
  return getComputedStyle(probe).color;
}

function coloured(value) {
  if (Array.isArray(value)) return value.map(coloured);
  if (value === null || typeof value !== "object") return tokenColour(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, coloured(inner)]));
}
