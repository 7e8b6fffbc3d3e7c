// Runs before anything is drawn: the theme chosen here, else the system's.
(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
  const apply = () => { root.dataset.theme = chosen() ?? (dark.matches ? "dark" : "light"); };
  apply();
  dark.addEventListener("change", apply);
  addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    if (!button) return;
    const tell = () => button.setAttribute("aria-pressed", String(root.dataset.theme === "dark"));
    tell();
    dark.addEventListener("change", tell);
    button.addEventListener("click", () => {
      const theme = root.dataset.theme === "dark" ? "light" : "dark";
      try { localStorage.setItem("theme", theme); } catch { /* then it lasts for this page */ }
      root.dataset.theme = theme;
      tell();
    });
  });
})();
