// The menu of the models: which one answers in this conversation from the next question on.
import { tell } from "./announce.js";
import { Refusal, post } from "./server.js";
import { showTrouble } from "./trouble.js";
import { word } from "./words.js";

export function listenToMenu() {
  // Before the composer hears of it: the buttons belong to its form, so that they carry its text where there is no script.
  addEventListener("submit", (event) => {
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
    if (button?.name !== "model" || !button.hasAttribute("formaction")) return;
    event.preventDefault();
    event.stopPropagation();
    choose(button);
  }, true);
  document.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "model") showChosen();
  });
}

/** @param {HTMLButtonElement} button */
async function choose(button) {
  try {
    await post(button.getAttribute("formaction") ?? "", { model: button.value });
    for (const other of button.parentElement?.querySelectorAll("button") ?? []) {
      other.setAttribute("aria-pressed", String(other === button)); // the stream says so, too, in a moment
    }
    tell(word("model-chosen", { name: button.querySelector("bdi")?.textContent ?? "" }));
  } catch (refusal) {
    if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
    else throw refusal;
  }
  document.getElementById("models-menu")?.hidePopover?.();
}

/** Before the first question the choice is only here: the chip says it. */
export function showChosen() {
  const chosen = /** @type {HTMLInputElement | null} */ (document.querySelector('input[name="model"]:checked'));
  const name = document.querySelector("#models-chip .name");
  if (chosen?.dataset.title && name) name.textContent = chosen.dataset.title;
}
