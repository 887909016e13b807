// Runs before the page is painted, so that a chosen theme never flickers. Without a choice the system's holds.
(() => {
  "use strict";
  const root = document.documentElement;
  const known = (() => { try { return localStorage.getItem("spanledger-theme"); } catch { return null; } })();
  if (known === "dark" || known === "light") root.dataset.theme = known;
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const label = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `${dark() ? "Light" : "Dark"} theme`); };
    button.hidden = false;
    label();
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      try { localStorage.setItem("spanledger-theme", root.dataset.theme); } catch { /* it holds for this page */ }
      label();
      document.dispatchEvent(new Event("spanledger:theme"));
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); document.dispatchEvent(new Event("spanledger:theme")); });
  });
})();
