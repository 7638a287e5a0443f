// Light, dark, or as the system has it? Runs before the first paint, so that nothing flashes.
"use strict";

(() => {
  const names = { auto: "Auto", light: "Light", dark: "Dark" };
  const order = ["auto", "light", "dark"];

  // A browser may refuse storage altogether; the choice then lasts as long as the page.
  const stored = () => {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  };

  let theme = order.includes(stored()) ? stored() : "auto";

  const apply = () => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (!button) return;
    button.querySelector("[data-theme-name]").textContent = names[theme];
  };

  const changed = () => document.dispatchEvent(new Event("themechange"));

  apply();
  // Paper is light.
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    changed();
  });
  addEventListener("afterprint", () => {
    apply();
    changed();
  });
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      try {
        localStorage.setItem("theme", theme);
      } catch {
        // See above.
      }
      apply();
      changed();
    });
  });
})();
