// The button that changes between light and dark; theme.js does it.

export function connectThemeButton() {
  const button = document.getElementById("theme");
  const tell = () => button.setAttribute("aria-pressed", document.documentElement.dataset.theme === "dark");
  button.addEventListener("click", () => document.dispatchEvent(new Event("toggletheme")));
  document.addEventListener("themechange", tell);
  tell();
}
