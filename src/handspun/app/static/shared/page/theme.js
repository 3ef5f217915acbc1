// Light or dark: what the person chose, otherwise what the system has. Not a module: it has to run before the first painting.

(() => {
  const KEY = "handspun-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  // Storage can be forbidden; then the choice lasts as long as the page.
  const stored = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const store = (theme) => { try { localStorage.setItem(KEY, theme); } catch { /* see above */ } };
  let chosen = stored();

  function apply() {
    document.documentElement.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
    document.dispatchEvent(new Event("themechange"));
  }

  document.addEventListener("toggletheme", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    store(chosen);
    apply();
  });
  system.addEventListener("change", apply);
  apply();
})();
