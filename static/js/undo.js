// What was deleted can be brought back for a while: the bar that offers it.
import { Refusal, post } from "./server.js";

/** @param {string} html the bar, or nothing */
export function showUndo(html) {
  const place = document.getElementById("undo");
  if (place) place.innerHTML = html;
}

/** @param {{find: () => void}} list */
export function listenToUndo(list) {
  document.getElementById("undo")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    const path = form.getAttribute("action") ?? "";
    try {
      const { url, undo_html } = await post(path, new FormData(form));
      showUndo(undo_html);
      if (!path.endsWith("/restore")) return;
      if (location.pathname === "/") location.assign(url); // it was the open one
      else list.find();
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      const text = form.closest(".undo")?.querySelector("p");
      if (text) text.textContent = refusal.sentence;
      form.remove();
    }
  });
}
