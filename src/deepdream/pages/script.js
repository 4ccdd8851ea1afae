"use strict";
const sliders = [...document.querySelectorAll("input[data-overlay]")];
const show = (value) => {
  document.documentElement.style.setProperty("--overlay", String(value / 100));
  for (const slider of sliders) {
    slider.value = value;
    slider.parentElement.querySelector("output").textContent = value + " %";
  }
};
for (const slider of sliders) {
  slider.closest("[hidden]")?.removeAttribute("hidden");
  slider.addEventListener("input", () => show(slider.value));
  show(slider.value);
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
