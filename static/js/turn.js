// One turn of the page: what is read off it and shown at it. Knows neither the stream nor the server.

const BLOCKS = "p, li, ul, ol, blockquote, pre, pre > code, h1, h2, h3, h4, h5, h6, div, table, tbody, tr, td";

/** The block at the end of `element`, if nothing but white space follows it. @param {Element | null} element */
export function lastBlock(element) {
  let last = element?.lastChild ?? null;
  while (last?.nodeType === Node.TEXT_NODE && !last.textContent?.trim()) last = last.previousSibling;
  return last instanceof Element && last.matches(BLOCKS) ? last : null;
}

/** @param {string} html @returns {HTMLElement | null} */
export function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("article");
}

/** What a person typed in the open boxes of turns, by question. @param {Element[]} turns @returns {Map<string, string>} */
export function unfinished(turns) {
  const found = new Map();
  for (const turn of turns) {
    const box = turn.querySelector("details.edit[open] form:not([aria-busy]) textarea"); // not what is being sent
    if (box instanceof HTMLTextAreaElement && box.value !== box.defaultValue) found.set(turn.getAttribute("data-question"), box.value);
  }
  return found;
}

/** How the button that has the focus is found again. @param {Element} turn */
export function focusIn(turn) {
  const button = document.activeElement;
  if (!(button instanceof HTMLButtonElement) || !turn.contains(button)) return "";
  const { do: what, mark } = button.dataset;
  if (what) return `[data-do="${what}"]`;
  return mark ? `[data-mark="${mark}"]` : button.name === "pinned" ? ".pin button" : "";
}

/** @param {Element} turn @param {boolean} on @param {string} [message] the one that is pinned or would be */
export function showPin(turn, on, message) {
  turn.classList.toggle("pinned", on);
  const button = turn.querySelector(".pin button");
  const field = turn.querySelector('.pin [name="message"]');
  if (message && field instanceof HTMLInputElement) field.value = message;
  if (!(button instanceof HTMLButtonElement)) return;
  button.value = on ? "off" : "on";
  button.setAttribute("aria-pressed", String(on));
}

/** @param {Element} turn @param {string} feedback */
export function showFeedback(turn, feedback) {
  for (const button of turn.querySelectorAll("button[data-mark]")) {
    const on = button.getAttribute("data-mark") === feedback;
    button.setAttribute("aria-pressed", String(on));
    /** @type {HTMLButtonElement} */ (button).value = on ? "" : button.getAttribute("data-mark") ?? "";
  }
}
