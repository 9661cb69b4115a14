// Everything works without this; with it, what a tick opens stays shut until it is ticked, and an
// error is read out.
import { initAll } from "./vendor/govuk-frontend.min.js";
import "./asks-first.js";
import "./keys.js";
import "./opened-records.js";
import "./printing.js";
import "./session.js";

initAll();

// A decision is recorded without losing the place: the page comes back where it was read.
const placeKey = `caselight-place ${window.location.pathname}`;
for (const form of document.querySelectorAll("form[data-keeps-place]")) {
  form.addEventListener("submit", () => {
    window.sessionStorage.setItem(placeKey, String(window.scrollY));
  });
}
const kept = window.sessionStorage.getItem(placeKey);
if (kept !== null && new URLSearchParams(window.location.search).has("done")) {
  window.sessionStorage.removeItem(placeKey);
  const panel = document.getElementById("panel");
  const beside = panel !== null && window.getComputedStyle(panel).position === "sticky";
  if (beside) window.scrollTo({ top: Number(kept), behavior: "instant" });
}
