// Which records were opened before a decision: links to a record, and to a whole narrative, that were
// followed on this page. Their keys go with the decision and are kept nowhere else. Without scripts
// the records of a reason that was opened in the timeline go with it alone.
const form = document.getElementById("decision");
if (form !== null) {
  const note = (place) => {
    const key = place?.dataset.record;
    if (key === undefined) return;
    const noted = [...form.querySelectorAll("input[name=opened]")];
    if (noted.some((one) => one.value === key)) return;
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "opened";
    field.value = key;
    form.append(field);
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link === null) return;
    const named = link.getAttribute("href").split("#")[1] ?? "";
    note(named.startsWith("record-") ? document.getElementById(named) : null);
    if (link.pathname.includes("/narratives/")) note(link.closest("[data-record]"));
  });
  window.addEventListener("hashchange", () => {
    const named = window.location.hash.slice(1);
    if (named.startsWith("record-")) note(document.getElementById(named));
  });
}
