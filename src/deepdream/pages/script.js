"use strict";
for (const slider of document.querySelectorAll("input[data-overlay]")) {
  const output = slider.parentElement.querySelector("output");
  const show = () => {
    document.documentElement.style.setProperty("--overlay", String(slider.value / 100));
    output.textContent = slider.value + " %";
  };
  slider.closest("[hidden]")?.removeAttribute("hidden");
  slider.addEventListener("input", show);
  show();
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
