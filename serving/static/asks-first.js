// A form that is filled in halfway is not left unasked: the browser asks before the page goes. It
// says so in its own words; what is sent, and a page that was cleared, is left without a question.
const touched = new Set();
for (const form of document.querySelectorAll("form[data-asks-first]")) {
  const fields = new FormData(form);
  const first = JSON.stringify([...fields]);
  const look = () => {
    if (JSON.stringify([...new FormData(form)]) === first) touched.delete(form);
    else touched.add(form);
  };
  form.addEventListener("input", look);
  form.addEventListener("change", look);
  form.addEventListener("submit", () => touched.clear());
}
window.addEventListener("beforeunload", (event) => {
  if ([...touched].some((form) => form.isConnected)) event.preventDefault();
});
