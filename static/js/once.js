// A link works once: a double click sends its form once.
let sent = false;

document.addEventListener("submit", (event) => {
  if (sent) return event.preventDefault();
  sent = true;
  setTimeout(() => (sent = false), 5000); // nothing came of it
});
addEventListener("pageshow", () => {
  sent = false;
});
