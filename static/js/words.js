// The sentences of the page in its language, read from <template id="words">. Knows no sentence itself.

/** @type {Map<string, string>} */
const words = new Map();
const template = /** @type {HTMLTemplateElement | null} */ (document.getElementById("words"));
for (const element of template?.content.querySelectorAll("[data-word]") ?? []) {
  words.set(element.getAttribute("data-word") ?? "", element.textContent?.trim() ?? "");
}

/**
 * A sentence by its key; `{name}` in it is replaced by the value of that name. An unknown key gives "".
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function word(key, values = {}) {
  return (words.get(key) ?? "").replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** All of them, for the voice modules. */
export const allWords = words;
