// The button that switches between light and dark. theme.js does the switching.

export function connectThemeButton() {
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", document.documentElement.dataset.theme === "dark");
  button.addEventListener("click", () => document.dispatchEvent(new Event("toggletheme")));
  document.addEventListener("themechange", show);
  show();
}
