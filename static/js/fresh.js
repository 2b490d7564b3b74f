// Parts of the page put in anew: the line about the models, and what the stream cannot say.
import { showChosen } from "./menu.js";
import { morph } from "./morph.js";
import { Refusal, page } from "./server.js";

const PARTS = ["title", "role-name", "options", "models-line", "earlier"];

/** @param {string} html the chip, the line and the choice of the models */
export function showModels(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const id of ["models-chip", "models-line", "models-choice"]) {
    const [now, then] = [document.getElementById(id), template.content.getElementById(id)];
    if (now && then) morph(now, then);
  }
  showChosen();
}

/**
 * The page as the server has it now; null when it cannot be fetched. What surrounds the turns is put in here, but an open panel
 * stays.
 * @param {() => void} [gone] the conversation is not there any more; without it the server's own page says it
 * @returns {Promise<{main: HTMLElement, turns: HTMLElement, memory: string, files: string} | null>}
 */
export async function refresh(gone = () => location.reload()) {
  let html;
  try {
    html = await page(location.pathname);
  } catch (refusal) {
    const status = refusal instanceof Refusal ? refusal.status : 0;
    if (status === 404) gone();
    else if (status === 403) location.reload(); // the server's own page says it
    return null;
  }
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const [main, turns] = [fresh.getElementById("main"), fresh.getElementById("turns")];
  if (!main || !turns) return null;
  for (const id of PARTS) {
    const [now, then] = [document.getElementById(id), fresh.getElementById(id)];
    if (now && then && !now.matches(":popover-open")) now.replaceChildren(...then.childNodes);
  }
  const inner = (/** @type {string} */ id) => fresh.getElementById(id)?.innerHTML ?? "";
  return { main, turns, memory: inner("memory-place"), files: inner("files") };
}
