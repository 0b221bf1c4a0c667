// Sets the chosen theme before the first paint; without a choice the system decides.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch {
  // Storage can be forbidden: the system's theme stays.
}
// Styles that hide what only a script can show again ask for this class.
document.documentElement.classList.add("scripted");
