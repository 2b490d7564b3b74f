// What stands in a turn until its answer begins: its model is being loaded, or others are answered before it.
import { morph } from "./morph.js";

/**
 * Says whether this is new: not only other figures of what is shown already.
 * @param {HTMLElement | null} turn
 * @param {string} html "" when there is nothing to wait for any more
 */
export function showWaiting(turn, html) {
  if (!html) hideWaiting(turn);
  const template = document.createElement("template");
  template.innerHTML = html;
  const then = template.content.querySelector(".preparing");
  if (!then || !turn?.classList.contains("streaming")) return false;
  const now = turn.querySelector(".preparing");
  const known = now?.className === then.className;
  if (now) morph(now, then);
  else turn.querySelector(".said")?.after(then);
  return !known;
}

/** @param {HTMLElement | null} turn */
export function hideWaiting(turn) {
  turn?.querySelector(".preparing")?.remove();
}
