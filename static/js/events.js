// The stream of one tab: connects, connects again when the server was away, and first brings the page up to date then.

const NAMES = [
  "models", "states", "turn", "preparing", "started", "blocks", "sentence", "finished", "failed", "cancelled", "changed", "gone",
];
const PAUSES = [500, 1000, 2000, 4000, 8000]; // milliseconds between two attempts
const SILENT = 2500; // milliseconds without a connection before the page says so

export class Stream {
  /**
   * @param {{
   *   handle: (name: string, data: any) => void,
   *   behind: () => boolean,
   *   resync: () => Promise<void>,
   *   away: (on: boolean) => void,
   * }} page `behind` says whether the page may have missed something, `resync` fetches it anew
   */
  constructor(page) {
    this.page = page;
    this.url = "";
    this.failures = 0;
    /** @type {EventSource | null} */
    this.source = null;
    this.waiting = 0;
    this.silent = 0;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
    addEventListener("pagehide", () => this.close());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.lost();
    });
  }

  /** @param {string} url */
  open(url) {
    this.close();
    this.url = url;
    const source = new EventSource(url);
    this.source = source;
    /** @type {[string, any][] | null} what came while the page was brought up to date */
    let held = [];
    source.addEventListener("open", async () => {
      const missed = this.failures > 0 || this.page.behind();
      this.connected();
      if (missed) await this.page.resync().catch(() => {});
      if (this.source !== source) return;
      const late = held ?? [];
      held = null;
      for (const [name, data] of late) this.page.handle(name, data);
    });
    source.addEventListener("error", () => this.source === source && this.lost());
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (this.source !== source) return;
        const data = JSON.parse(/** @type {MessageEvent} */ (event).data);
        if (held) held.push([name, data]);
        else this.page.handle(name, data);
      });
    }
  }

  connected() {
    this.failures = 0;
    clearTimeout(this.silent);
    this.silent = 0;
    this.page.away(false);
  }

  lost() {
    this.close();
    const pause = PAUSES[Math.min(this.failures, PAUSES.length - 1)];
    this.failures += 1;
    this.silent ||= setTimeout(() => this.page.away(true), SILENT);
    this.waiting = setTimeout(() => this.open(this.url), pause * (0.75 + Math.random() / 2));
  }

  hurry() {
    if (!this.waiting) return;
    this.open(this.url);
  }

  close() {
    clearTimeout(this.waiting);
    this.waiting = 0;
    this.source?.close();
    this.source = null;
  }
}
