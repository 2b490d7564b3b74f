// What the model still sees: the meter, the files, the marks of forgotten turns, and the line where its memory begins.
import { word } from "./words.js";

/** @typedef {{first?: number | null, kept?: string[] | null, memory_html?: string, files_html?: string}} Memory */

/** @param {HTMLElement} turns @param {Memory} memory `first` is the number of the oldest message that is remembered */
export function showMemory(turns, { first, kept, memory_html: meter, files_html: files }) {
  if (meter !== undefined) showMeter(meter);
  if (files !== undefined) showFiles(files);
  if (kept === null || kept === undefined) return;
  const seen = new Set(kept);
  for (const turn of turns.querySelectorAll(".turn[data-number]")) {
    const there = seen.has(turn.getAttribute("data-question") ?? "") || seen.has(turn.getAttribute("data-answer") ?? "");
    turn.classList.toggle("forgotten", !there && !turn.classList.contains("streaming"));
  }
  turns.dataset.first = String(first ?? "");
  showEdge(turns);
}

/** The line before the first remembered turn, when something above it is forgotten. Pinned turns above it are not. @param {HTMLElement} turns */
export function showEdge(turns) {
  turns.querySelector(".edge")?.remove();
  const first = Number(turns.dataset.first);
  if (!first) return;
  const all = [...turns.querySelectorAll(".turn[data-number]")];
  const begins = all.findIndex((turn) => Number(turn.getAttribute("data-number")) >= first);
  if (begins < 0) return;
  const more = document.querySelector("#earlier a") !== null;
  const atTop = begins === 0 && more && Number(all[0].getAttribute("data-number")) === first;
  if (!atTop && !all.slice(0, begins).some((turn) => turn.classList.contains("forgotten"))) return;
  const line = document.createElement("p");
  line.className = "edge";
  line.textContent = word("edge");
  all[begins].before(line);
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

/** The files as the server has them; those that are just being sent stay. @param {string} html */
export function showFiles(html) {
  const place = document.getElementById("files");
  if (!place) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  const list = template.content.querySelector(".filed");
  const now = place.querySelector(".filed");
  if (now && list && now.isEqualNode(list)) return;
  const focused = now?.contains(document.activeElement) ?? false;
  now?.remove();
  if (list) place.prepend(list);
  if (focused) /** @type {HTMLElement | null} */ (place.querySelector("button, a") ?? document.getElementById("question"))?.focus();
}
