// The list of conversations: search as you type, the mark of the open one, the mark of one that is being answered.
import { page } from "./server.js";
import { word } from "./words.js";

const PAUSE = 150; // milliseconds after the last letter

export class List {
  /** @param {HTMLElement} place @param {HTMLInputElement} search */
  constructor(place, search) {
    this.place = place;
    this.search = search;
    this.current = "";
    this.timer = 0;
    this.asked = 0;
    search.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.find(), PAUSE);
    });
    search.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.find();
    });
  }

  async find() {
    const number = ++this.asked;
    const query = new URLSearchParams({ q: this.search.value, current: this.current });
    const html = await page(`/list?${query}`).catch(() => null);
    if (html !== null && number === this.asked) this.put(html);
  }

  /** A list that the server sent by itself; while a search is on it would be the wrong one. @param {string} html */
  show(html) {
    if (this.search.value.trim()) this.find();
    else this.put(html);
  }

  /** @param {string} html */
  put(html) {
    const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("[data-conversation]"));
    const key = this.place.contains(focused) ? focused?.dataset.conversation : undefined;
    this.place.innerHTML = html;
    this.mark(this.current);
    if (key) /** @type {HTMLElement | null} */ (this.place.querySelector(`[data-conversation="${CSS.escape(key)}"]`))?.focus();
  }

  /** @param {string} conversation the id of the open one */
  mark(conversation) {
    this.current = conversation;
    for (const link of this.place.querySelectorAll("a[data-conversation]")) {
      if (link.getAttribute("data-conversation") === conversation) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  /** @param {boolean} on whether the open conversation is being answered */
  live(on) {
    const link = this.place.querySelector("a[aria-current]");
    link?.querySelector(".live")?.remove();
    if (!link || !on) return;
    const mark = document.createElement("i");
    mark.className = "live";
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", word("running"));
    link.append(mark);
  }
}
