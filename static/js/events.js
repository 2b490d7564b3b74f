// The stream of one tab: connects, and connects again when the server was away, each time with the place of the last event it has,
// so that it gets what it missed and nothing twice.
import { SIGNED_OUT, isSignedOut, signedOut } from "./signed_out.js";

const NAMES = [
  "models", "states", "list", "turn", "preparing", "queued", "started", "blocks", "sentence", "finished", "failed", "cancelled",
  "changed", "resync", "gone",
];
const PAUSES = [500, 1000, 2000, 4000, 8000]; // milliseconds between two attempts
const SILENT = 2500; // milliseconds without a connection before the page says so

export class Stream {
  /**
   * @param {{
   *   handle: (name: string, data: any) => void,
   *   away: (on: boolean) => void,
   *   back?: () => void,
   *   refused?: () => void,
   * }} page `back`: the server was away and is there again; `refused`: it answers, but not with a stream
   */
  constructor(page) {
    this.page = page;
    this.url = "";
    this.place = ""; // the id of the last event
    this.failures = 0;
    /** @type {EventSource | null} */
    this.source = null;
    this.waiting = 0;
    this.silent = 0;
    this.ended = false; // nobody is signed in here any more
    addEventListener("online", () => this.hurry());
    document.addEventListener(SIGNED_OUT, () => this.end());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.lost();
    });
  }

  /** @param {string} url @param {string} [place] where the page is */
  open(url, place = "") {
    this.close();
    if (this.ended) return;
    this.url = url;
    this.place = place;
    const source = new EventSource(place ? `${url}${url.includes("?") ? "&" : "?"}last=${encodeURIComponent(place)}` : url);
    this.source = source;
    source.addEventListener("open", () => this.source === source && this.connected());
    source.addEventListener("error", () => {
      if (this.source !== source) return;
      const refused = source.readyState === EventSource.CLOSED;
      this.lost();
      if (refused) this.refused();
    });
    source.addEventListener("signed_out", () => this.source === source && signedOut());
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        const { data, lastEventId } = /** @type {MessageEvent} */ (event);
        this.page.handle(name, JSON.parse(data));
        if (this.source === source && lastEventId) this.place = lastEventId;
      });
    }
  }

  connected() {
    const again = this.failures > 0;
    this.failures = 0;
    clearTimeout(this.silent);
    this.silent = 0;
    this.page.away(false);
    if (again) this.page.back?.();
  }

  /** The server is there, and has no stream for the page: perhaps because nobody is signed in here. */
  async refused() {
    const answer = await fetch("/list", { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || !isSignedOut(answer)) this.page.refused?.();
  }

  lost() {
    this.close();
    if (this.ended) return;
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
    this.failures += 1;
    this.silent ||= setTimeout(() => this.page.away(true), SILENT);
    this.waiting = setTimeout(() => this.open(this.url, this.place), pause * (0.75 + Math.random() / 2));
  }

  hurry() {
    if (!this.waiting) return;
    this.open(this.url, this.place);
  }

  end() {
    this.ended = true;
    clearTimeout(this.silent);
    this.page.away(false);
    this.close();
  }

  close() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.source?.close();
    this.source = null;
  }
}
