// The page's connection to what happens in its conversation: where the page is, and how it fetches itself anew when the stream cannot
// say what it missed.
import { Stream } from "./events.js";
import { refresh } from "./fresh.js";
import { showMemory } from "./memory.js";

export class Connection {
  /**
   * @param {HTMLElement} main knows the version of the conversation that is shown
   * @param {import("./answer.js").Turns} turns
   * @param {{
   *   here: () => string,
   *   older: boolean,
   *   handle: (name: string, data: any) => void,
   *   back: () => void,
   *   shown: () => void,
   * }} page `here` is the address of the conversation, "" before there is one; `shown` is called when the turns are others
   */
  constructor(main, turns, page) {
    this.main = main;
    this.turns = turns;
    this.page = page;
    this.fetching = Promise.resolve();
    this.over = false; // the conversation is gone
    this.stream = new Stream({
      handle: page.handle,
      away: (on) => (/** @type {HTMLElement} */ (document.getElementById("away")).hidden = !on),
      back: page.back,
      refused: () => this.refused(),
    });
  }

  /** @param {string} place where the page is */
  listen(place) {
    if (this.over) return;
    const here = this.page.here();
    const version = this.main.dataset.version;
    this.stream.open(here ? `${here}/events${version ? `?version=${version}` : ""}` : "/events", place);
  }

  close() {
    this.stream.close();
  }

  /** The conversation is gone. Says whether this is new. */
  end() {
    const before = this.over;
    this.over = true;
    this.close();
    return !before;
  }

  /** The server is there, but has no stream for the page: the conversation is gone, or may not be seen any more. */
  async refused() {
    if (!this.page.here()) return;
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => null);
    if (answer?.status === 404) this.page.handle("gone", {});
    else if (answer?.status === 403) location.reload();
  }

  /** The page fetches itself anew, unless it is at that version of the conversation already. @param {number} version */
  resync(version) {
    this.close();
    this.fetching = this.fetching.then(async () => {
      const place = Number(this.main.dataset.version) < version ? await this.fetch() : "";
      if (!this.stream.source) this.listen(place || this.stream.place);
    });
    return this.fetching;
  }

  /** Returns the place where the page is then, "" when it could not be fetched. */
  async fetch() {
    if (this.page.older) location.assign(this.page.here());
    const fresh = await refresh(() => this.page.handle("gone", {}));
    if (this.over) return "";
    if (!fresh) return "";
    const { place = "", version } = fresh.main.dataset;
    this.main.dataset.version = version;
    this.turns.place.dataset.first = fresh.turns.dataset.first;
    this.turns.replace(fresh.turns.childNodes);
    showMemory(this.turns.place, { memory_html: fresh.memory, files_html: fresh.files });
    this.page.shown();
    return place;
  }
}
