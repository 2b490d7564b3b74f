// Parts of the page put in anew: the line about the models, and whatever may have been missed while the server was away.
import { showChosen } from "./menu.js";
import { morph } from "./morph.js";
import { Refusal, page } from "./server.js";

const PARTS = ["turns", "memory-place", "title", "role-name", "list", "options", "models-line"];

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

/** The page as the server has it now. What a person is busy with (an open panel, a question being edited) stays. */
export async function refresh() {
  let html;
  try {
    html = await page(location.href);
  } catch (refusal) {
    // Entered no longer, or the conversation is gone: the server's own page says it.
    if (refusal instanceof Refusal && [401, 403, 404].includes(refusal.status)) location.reload();
    return;
  }
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const id of PARTS) {
    const [now, then] = [document.getElementById(id), fresh.getElementById(id)];
    if (!now || !then || now.matches(":popover-open, :has(details.edit[open])")) continue;
    now.replaceChildren(...then.childNodes);
  }
}
