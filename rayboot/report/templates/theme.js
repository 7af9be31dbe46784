// The theme is the system's, unless the button says otherwise; the choice is kept where the browser lets it be.
const themes = ["auto", "light", "dark"];
const keep = (theme) => { try { localStorage.setItem("rayboot-theme", theme); } catch { /* not for this page */ } };
const kept = () => { try { return localStorage.getItem("rayboot-theme"); } catch { return null; } };
const setTheme = (theme) => {
  document.documentElement.style.colorScheme = theme === "auto" ? "" : theme;
  document.documentElement.dataset.theme = theme;
};
setTheme(themes.includes(kept()) ? kept() : "auto");
addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  const name = () => { button.textContent = `Theme: ${document.documentElement.dataset.theme}`; };
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length];
    setTheme(next);
    keep(next);
    name();
  });
  name();
});
