// What can be done with a turn: copy it or its code, read it aloud, and its forms: edit, answer again, go on, show another version,
// pin, judge. The forms work without script, too; here they leave the page where it is.
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
 *   act: (act: string, fields: FormData, turn: HTMLElement, button: HTMLElement | null) => Promise<void>,
 * }} page `act` is the last part of the form's address: edit, again, on, show, pin or feedback
 */
export function listenToMarks(place, page) {
  place.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("button"));
    const turn = button?.closest(".turn") ?? null;
    if (!button) return;
    if ("copy" in button.dataset) copy(button.closest("pre")?.querySelector("code")?.textContent ?? "", button);
    else if (button.dataset.do === "copy") copy(source(turn), button);
    else if (button.dataset.do === "read") page.read(speakable(turn), button);
    else if (button.dataset.do === "cancel-edit") cancel(button.closest("details"));
  });
  place.addEventListener("toggle", (event) => {
    const details = event.target;
    if (!(details instanceof HTMLDetailsElement) || !details.open) return;
    const box = details.querySelector("textarea");
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
  }, true);
  place.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target instanceof HTMLTextAreaElement) return typing(event, target);
    const step = { ArrowLeft: "-1", ArrowRight: "1" }[event.key];
    const versions = step ? target.closest(".versions") : null;
    if (!versions) return;
    event.preventDefault();
    /** @type {HTMLElement | null} */ (versions.querySelector(`[data-step="${step}"]`))?.click();
  });
  place.addEventListener("submit", (event) => submit(event, page));
}

/** @param {HTMLDetailsElement | null} details what was typed in it is dropped, the question stands there again */
function cancel(details) {
  const box = details?.querySelector("textarea");
  if (box) box.value = box.defaultValue;
  details?.removeAttribute("open");
  details?.querySelector("summary")?.focus();
}

/** @param {KeyboardEvent} event @param {HTMLTextAreaElement} box */
function typing(event, box) {
  if (event.isComposing) return;
  if (event.key === "Escape") {
    event.preventDefault();
    cancel(box.closest("details"));
  } else if (event.key === "Enter" && !event.shiftKey && event.keyCode !== 229) {
    event.preventDefault();
    box.form?.requestSubmit();
  }
}

/** What was typed stays where it is when the server refuses it. @param {SubmitEvent} event @param {Parameters<typeof listenToMarks>[1]} page */
async function submit(event, page) {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  const turn = /** @type {HTMLElement | null} */ (form.closest(".turn"));
  event.preventDefault();
  if (!turn || form.getAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  clearTrouble();
  const address = button?.getAttribute("formaction") ?? form.getAttribute("action") ?? "";
  try {
    await page.act(address.split("/").at(-1) ?? "", new FormData(form, button), turn, button);
  } catch (refusal) {
    if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
    else throw refusal;
  } finally {
    form.removeAttribute("aria-busy");
  }
}
