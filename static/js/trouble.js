// Trouble speaks in the conversation: a sentence and a remedy, never a dialog.
import { saidSignedOut } from "./signed_out.js";

const place = document.getElementById("troubles");

/**
 * @param {string} sentence
 * @param {string} [remedy]
 * @returns {HTMLElement | null} the box, for what can be done about it; null where there is none
 */
export function showTrouble(sentence, remedy = "") {
  if (!place || saidSignedOut()) return null; // one box says it all
  const box = document.createElement("div");
  box.className = "trouble";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  const strong = document.createElement("b");
  strong.textContent = sentence;
  text.append(strong, remedy ? ` ${remedy}` : "");
  box.append(text);
  place.replaceChildren(box);
  box.scrollIntoView({ block: "nearest" });
  return box;
}

export function clearTrouble() {
  place?.replaceChildren();
}
