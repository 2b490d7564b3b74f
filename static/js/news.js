// What the stream tells, shown on the page.
import { tell } from "./announce.js";
import { showModels } from "./fresh.js";
import { showMemory } from "./memory.js";
import { hideWaiting, showWaiting } from "./waiting.js";
import { word } from "./words.js";

/**
 * @param {{
 *   turns: import("./answer.js").Turns,
 *   older: boolean,
 *   list: import("./list.js").List,
 *   speaks: import("./options.js").Speaks,
 *   main: HTMLElement,
 *   resync: (version: number) => Promise<void>,
 *   showRunning: () => void,
 *   sentence: (sentence: any) => void,
 *   gone: () => void,
 * }} page
 * @returns {Record<string, (data: any) => void>} by the name of the event
 */
export function news(page) {
  const { turns } = page;
  let speaks = page.speaks.on; // as the server has it: what a person just chose here may not be there yet

  /** @param {any} event @param {string} note */
  function ended(event, note) {
    turns.end(event.answer, event.html);
    showMemory(turns.place, event);
    page.showRunning();
    tell(event.sentence ?? word(note));
  }

  return {
    models: ({ html }) => showModels(html),
    list: () => page.list.find(),
    turn({ html, after }) {
      if (page.older) return;
      turns.insert(html, after);
      page.showRunning();
    },
    preparing: (event) => showWaiting(turns.of(event.answer), event.html) && tell(word("preparing", event)),
    queued: (event) => showWaiting(turns.of(event.answer), event.html) && tell(word("queued")),
    started(event) {
      hideWaiting(turns.of(event.answer));
      showMemory(turns.place, event);
      tell(word("thinking"));
    },
    blocks: (event) => turns.grow(event),
    sentence: page.sentence,
    finished: (event) => ended(event, "done"),
    cancelled: (event) => ended(event, "stopped"),
    failed: (event) => ended(event, ""),
    changed(event) {
      document.querySelector("#title bdi")?.replaceChildren(event.title);
      if (event.role_name) document.getElementById("role-name")?.replaceChildren(event.role_name);
      if (event.speaks !== speaks) page.speaks.set((speaks = event.speaks));
      turns.mark(event.marks);
      showMemory(turns.place, event);
      page.main.dataset.version = event.version;
      page.showRunning();
    },
    resync: ({ version }) => page.resync(version),
    gone: () => page.gone(),
  };
}
