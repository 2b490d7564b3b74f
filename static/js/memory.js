// What the model still sees: the meter, the marks of forgotten turns, and the line where its memory begins.
import { word } from "./words.js";

/**
 * @param {HTMLElement} turns
 * @param {{answer: string, first: number | null, kept: string[] | null, memory_html: string}} event
 */
export function showMemory(turns, event) {
  showMeter(event.memory_html);
  if (event.kept === null || event.first === null) return;
  const kept = new Set(event.kept);
  turns.querySelector(".edge")?.remove();
  /** @type {Element | null} */
  let begins = null;
  let forgotten = false;
  for (const turn of turns.querySelectorAll(".turn[data-number]")) {
    const seen = kept.has(turn.getAttribute("data-question") ?? "") || kept.has(turn.getAttribute("data-answer") ?? "");
    turn.classList.toggle("forgotten", !seen);
    if (seen) begins ??= turn;
    else if (!begins) forgotten = true;
  }
  if (!forgotten || !begins) return;
  const line = document.createElement("p");
  line.className = "edge";
  line.textContent = word("edge");
  begins.before(line);
}

/** @param {string} html */
function showMeter(html) {
  const place = document.getElementById("memory-place");
  if (!place) return;
  const open = place.querySelector("details")?.open ?? false;
  const focused = place.contains(document.activeElement);
  place.innerHTML = html;
  const details = place.querySelector("details");
  if (details) details.open = open;
  if (focused) place.querySelector("summary")?.focus();
}
