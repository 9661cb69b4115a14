// One plain key follows the link that names it: `n` the next case. Never while something is typed,
// and whoever speaks to their computer or types by mistake turns it off; that is kept here alone.
const KEPT = "caselight-keys";
const isOn = () => window.localStorage.getItem(KEPT) !== "off";

const tell = () => {
  for (const button of document.querySelectorAll("[data-key-switch]")) {
    const does = isOn() ? "turn off" : "turn on";
    button.textContent = does;
    button.setAttribute("aria-label", `${does} single keys`);
  }
};

for (const button of document.querySelectorAll("[data-key-switch]")) {
  button.addEventListener("click", () => {
    window.localStorage.setItem(KEPT, isOn() ? "off" : "on");
    tell();
  });
}
for (const hint of document.querySelectorAll("[data-key-hint]")) hint.hidden = false;
tell();

document.addEventListener("keydown", (event) => {
  const held = event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing;
  if (held || !isOn() || event.target.closest("input, textarea, select, [contenteditable]")) return;
  const named = [...document.querySelectorAll("a[accesskey]")];
  const link = named.find((one) => one.accessKey === event.key);
  if (link === undefined) return;
  event.preventDefault();
  link.click();
});
