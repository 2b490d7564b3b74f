// Earlier turns, put above those that are shown; what is being read stays where it is.
import { tell } from "./announce.js";
import { showEdge } from "./memory.js";
import { Refusal, page } from "./server.js";
import { showTrouble } from "./trouble.js";
import { word } from "./words.js";

/** @param {import("./answer.js").Turns} turns @param {HTMLElement} scrolling what the person scrolls */
export function listenToEarlier(turns, scrolling) {
  const place = document.getElementById("earlier");
  place?.addEventListener("click", async (event) => {
    const link = /** @type {Element} */ (event.target).closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.getAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    try {
      const fresh = new DOMParser().parseFromString(await page(link.href), "text/html");
      const above = [...fresh.querySelectorAll("#turns > .turn")];
      for (const turn of above) {
        turn.classList.remove("last");
        for (const mark of turn.querySelectorAll(".only-last")) mark.remove();
      }
      const before = scrolling.scrollHeight - scrolling.scrollTop;
      turns.place.prepend(...above);
      for (const turn of above) turns.dress(turn);
      place.replaceChildren(...(fresh.getElementById("earlier")?.childNodes ?? []));
      showEdge(turns.place);
      scrolling.scrollTop = scrolling.scrollHeight - before;
      tell(word("earlier"));
      if (document.activeElement === document.body) /** @type {HTMLElement | undefined} */ (above.at(-1))?.focus({ preventScroll: true });
    } catch (refusal) {
      link.removeAttribute("aria-busy");
      if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
      else throw refusal;
    }
  });
}
