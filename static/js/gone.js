// The conversation was deleted while it was open here: nothing more can be done in it, and what was typed stays.
import { page } from "./server.js";
import { showTrouble } from "./trouble.js";
import { word } from "./words.js";

/**
 * @param {string} conversation its id
 * @param {import("./answer.js").Turns} turns
 * @param {import("./composer.js").Composer} composer
 */
export async function showGone(conversation, turns, composer) {
  closeTurns(turns);
  composer.close();
  document.addEventListener("submit", (event) => refuse(event, conversation), { capture: true });
  const html = await page(`/deleted?conversation=${encodeURIComponent(conversation)}`).catch(() => "");
  const box = showTrouble(word("gone")); // not for who was removed with everything: the page has just heard of that
  if (!box) return;
  if (html) box.insertAdjacentHTML("beforeend", html);
  else box.append(linkToNew());
  box.scrollIntoView({ block: "nearest" });
}

/** What grows ends as it is; copying and reading aloud are left. @param {import("./answer.js").Turns} turns */
export function closeTurns(turns) {
  turns.unpend();
  turns.caret.remove();
  for (const turn of turns.place.querySelectorAll(".turn.streaming")) {
    turn.classList.replace("streaming", "stopped");
    for (const note of turn.querySelectorAll(".preparing, .note")) note.remove();
  }
  for (const button of turns.place.querySelectorAll("form button:not([type=button])")) {
    /** @type {HTMLButtonElement} */ (button).disabled = true;
  }
  for (const edit of turns.place.querySelectorAll("details.edit:not([open]), button.only-last, form.only-last")) edit.remove();
}

/** The forms of the conversation lead nowhere now, except to where it comes back. @param {Event} event @param {string} conversation */
function refuse(event, conversation) {
  const path = /** @type {HTMLFormElement} */ (event.target).getAttribute("action") ?? "";
  if (!path.startsWith(`/c/${conversation}/`) || path.endsWith("/restore")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

function linkToNew() {
  const link = document.createElement("a");
  link.className = "plain";
  link.href = "/";
  link.textContent = word("new");
  return link;
}
