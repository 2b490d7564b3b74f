// The page of the models, better with script: acts need no reload, and the list keeps itself current.
import { tell } from "./announce.js";
import { Stream } from "./events.js";
import { morph } from "./morph.js";
import { Refusal, post } from "./server.js";
import { clearTrouble, showTrouble } from "./trouble.js";

const list = /** @type {HTMLElement} */ (document.getElementById("models-list"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** @param {string} html */
function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.getElementById("models-list");
  if (!fresh) return;
  const row = /** @type {HTMLElement | null | undefined} */ (document.activeElement?.closest(".model"));
  morph(list, fresh);
  if (!row || row.contains(document.activeElement)) return;
  // The button that was pressed is gone, or its whole row is.
  (row.isConnected ? row : main).focus({ preventScroll: true });
}

main.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.getAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  clearTrouble();
  try {
    const { html, key } = await post(form.getAttribute("action") ?? "", new FormData(form));
    show(html);
    if (form.id === "by-name") form.reset();
    tell(document.getElementById(key)?.querySelector(".status")?.textContent?.replace(/\s+/g, " ").trim() ?? "");
  } catch (refusal) {
    if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
    else throw refusal;
  } finally {
    form.removeAttribute("aria-busy");
  }
});

new Stream({
  handle: (_, { html }) => show(html),
  away: (on) => (/** @type {HTMLElement} */ (document.getElementById("away")).hidden = !on),
}).open("/models/events");
