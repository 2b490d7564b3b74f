// Buttons that copy the text of a field: `data-copy` names it. What happened is said where the page tells such things.
import { tell } from "./announce.js";

document.addEventListener("click", ({ target }) => {
  const button = target instanceof Element && target.closest("[data-copy]");
  if (button instanceof HTMLElement) copy(button);
});

/** @param {HTMLElement} button */
async function copy(button) {
  const field = document.getElementById(button.dataset.copy ?? "");
  const text = field instanceof HTMLInputElement ? field.value : (field?.textContent ?? "");
  try {
    await navigator.clipboard.writeText(text);
    say(button, button.dataset.done ?? "");
  } catch {
    // The text is selected, so that the keys of the system copy it.
    if (field instanceof HTMLInputElement) field.select();
    say(button, button.dataset.trouble ?? "");
  }
}

/** @param {HTMLElement} button @param {string} sentence */
function say(button, sentence) {
  tell(sentence);
  const words = /** @type {HTMLElement | null} */ (button.querySelector("span"));
  if (!words) return;
  words.dataset.before ??= words.textContent ?? "";
  words.textContent = sentence;
  setTimeout(() => (words.textContent = words.dataset.before ?? ""), 2500);
}
