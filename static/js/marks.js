// What can be done with a turn: copy it or its code, read it aloud, edit the last question, answer again.
import { tell } from "./announce.js";
import { Refusal } from "./server.js";
import { clearTrouble, showTrouble } from "./trouble.js";
import { word } from "./words.js";

const SHOWN = 1500; // milliseconds that a "copied" stays

/** @param {string} text @param {HTMLElement} button */
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return tell(word("not-copied"));
  }
  tell(word("copied"));
  const use = button.querySelector("use");
  if (use) {
    const before = use.getAttribute("href") ?? "";
    use.setAttribute("href", before.replace(/#.*/, "#check"));
    setTimeout(() => use.setAttribute("href", before), SHOWN);
  } else {
    button.textContent = word("copied");
    setTimeout(() => (button.textContent = word("copy")), SHOWN);
  }
}

/** The text of an answer as it was written. @param {Element | null} turn */
function source(turn) {
  const template = /** @type {HTMLTemplateElement | null} */ (turn?.querySelector("template.source") ?? null);
  return template?.content.textContent ?? "";
}

/** What is worth hearing of an answer: everything but code and formulas. @param {Element | null} turn */
function speakable(turn) {
  const said = turn?.querySelector(".said")?.cloneNode(true);
  if (!(said instanceof HTMLElement)) return "";
  for (const silent of said.querySelectorAll("pre, math, .caret")) silent.remove();
  for (const block of said.querySelectorAll("p, li, h1, h2, h3, h4, h5, h6, td, th")) block.append(" ");
  return said.textContent?.replace(/\s+/g, " ").trim() ?? "";
}

/**
 * @param {HTMLElement} place
 * @param {{
 *   read: (text: string, button: HTMLElement) => void,
 *   again: () => Promise<void>,
 *   edit: (message: string, question: string) => Promise<void>,
 * }} page
 */
export function listenToMarks(place, page) {
  place.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
    const turn = button?.closest(".turn") ?? null;
    if (!button) return;
    if ("copy" in button.dataset) copy(button.closest("pre")?.querySelector("code")?.textContent ?? "", button);
    else if (button.dataset.do === "copy") copy(source(turn), button);
    else if (button.dataset.do === "read") page.read(speakable(turn), button);
    else if (button.dataset.do === "cancel-edit") button.closest("details")?.removeAttribute("open");
  });
  place.addEventListener("toggle", (event) => {
    const details = event.target;
    if (!(details instanceof HTMLDetailsElement) || !details.open) return;
    const box = details.querySelector("textarea");
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
  }, true);
  place.addEventListener("keydown", (event) => {
    const box = /** @type {HTMLElement} */ (event.target);
    if (!(box instanceof HTMLTextAreaElement) || event.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      const details = box.closest("details");
      details?.removeAttribute("open");
      details?.querySelector("summary")?.focus();
    } else if (event.key === "Enter" && !event.shiftKey && event.keyCode !== 229) {
      event.preventDefault();
      box.form?.requestSubmit();
    }
  });
  handle("again", () => page.again());
  handle("edit", (fields) => page.edit(String(fields.get("message") ?? ""), String(fields.get("question") ?? "")));
}

/**
 * Takes over one of the forms that the buttons name; what was typed stays where it is when it fails.
 * @param {string} id
 * @param {(fields: FormData) => Promise<void>} action
 */
function handle(id, action) {
  const form = /** @type {HTMLFormElement | null} */ (document.getElementById(id));
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTrouble();
    try {
      await action(new FormData(form));
    } catch (refusal) {
      if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
      else throw refusal;
    }
  });
}
