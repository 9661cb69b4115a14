// A page is cleared when its session is over, at once: when its time has passed, when somebody signs
// out in another window, and when a browser brings it back from its memory. A session that goes on in
// another window goes on here, so that nobody loses what they are writing. Without scripts the page
// leads away by itself when its own time has passed.
const [shown] = performance.getEntriesByType("navigation");
const told = (shown?.serverTiming ?? []).find((one) => one.name === "session");
const channel = new BroadcastChannel("caselight-session");
const OVER = "over";

function clear() {
  document.body.replaceChildren();
  document.title = "Caselight";
  window.location.replace("/session-over");
}

if (told === undefined) {
  // Where a session ended: whatever else is open in this browser has none any more.
  const isEnd = ["/sign-in", "/sign-out", "/session-over"].includes(window.location.pathname);
  if (isEnd && document.querySelector(".caselight-person") === null) channel.postMessage(OVER);
} else {
  let endsAt = Date.now() + 1000 * told.duration;
  const look = () => {
    if (Date.now() < endsAt) return;
    window.clearInterval(often);
    clear();
  };
  // Not one long timer: it stands still while a computer sleeps.
  const often = window.setInterval(look, 1000);
  window.addEventListener("pageshow", look);
  document.addEventListener("visibilitychange", look);
  channel.addEventListener("message", (message) => {
    if (message.data === OVER) clear();
    else endsAt = Math.max(endsAt, message.data);
  });
  channel.postMessage(endsAt);
}
