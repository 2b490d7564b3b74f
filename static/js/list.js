// The list of conversations: search as you type, more of it, the mark of the open one, the marks of those that are being answered.
import { listenToManaging } from "./manage.js";
import { rename } from "./rename.js";
import { page } from "./server.js";
import { listenToUndo } from "./undo.js";
import { word } from "./words.js";

const PAUSE = 150; // milliseconds after the last letter
const PAGE = 100; // conversations that a list has at first

export class List {
  /** @param {HTMLElement} place @param {HTMLInputElement} search */
  constructor(place, search) {
    this.place = place;
    this.search = search;
    this.current = place.querySelector("a[aria-current]")?.getAttribute("data-conversation") ?? "";
    this.words = search.value.trim();
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
    place.addEventListener("click", (event) => {
      const link = event.target instanceof Element && event.target.closest("a[data-more]");
      if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.more(link);
    });
    this.listenToKeys();
    listenToManaging(this);
    listenToUndo(this);
  }

  get links() {
    return /** @type {HTMLAnchorElement[]} */ ([...this.place.querySelectorAll("a[data-conversation]")]);
  }

  /** Asks for the list as the search box wants it, as long as it is now; of several requests the newest one wins. */
  async find() {
    const number = ++this.asked;
    const words = this.search.value.trim();
    const limit = words === this.words ? Math.max(PAGE, this.links.length) : PAGE;
    this.words = words;
    this.remember(words);
    const query = new URLSearchParams({ q: words, current: this.current, limit: String(limit) });
    const html = await page(`/list?${query}`).catch(() => null);
    if (html !== null && number === this.asked) this.put(html);
  }

  /** The words stay in the address: a reload, and whoever comes back, finds them again. @param {string} words */
  remember(words) {
    const address = new URL(location.href);
    if (words) address.searchParams.set("q", words);
    else address.searchParams.delete("q");
    address.searchParams.delete("offset");
    if (address.href !== location.href) history.replaceState(history.state, "", address);
  }

  /** @param {HTMLAnchorElement} link to the next page: its conversations come behind those that are here */
  async more(link) {
    const number = ++this.asked;
    const query = new URLSearchParams({ q: this.search.value.trim(), current: this.current, offset: link.dataset.more ?? "" });
    const html = await page(`/list?${query}`).catch(() => null);
    if (html === null) return location.assign(link.href);
    if (number !== this.asked) return;
    const template = document.createElement("template");
    template.innerHTML = html;
    template.content.querySelector(".turn-over:has(a:not([data-more]))")?.remove();
    const [heading, items] = template.content.querySelectorAll("h2, ul");
    const headings = this.place.querySelectorAll("h2");
    const last = this.place.querySelector("ul:last-of-type");
    const first = /** @type {HTMLElement | null} */ (template.content.querySelector("a[data-conversation]"));
    if (heading && last && heading.textContent === headings[headings.length - 1]?.textContent) {
      last.append(...items.children);
      heading.remove();
      items.remove();
    }
    link.closest("p")?.replaceWith(template.content);
    first?.focus();
  }

  /** A list that the server sent by itself; while a search is on, or more is shown, it would be the wrong one. @param {string} html */
  show(html) {
    if (this.search.value.trim() || this.links.length > PAGE) this.find();
    else this.put(html);
  }

  /** @param {string} html */
  put(html) {
    if (this.place.querySelector("form.renaming")) return; // not under the hands of who is typing
    const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("#list li"));
    const key = focused?.querySelector("a")?.dataset.conversation;
    const button = document.activeElement instanceof HTMLButtonElement;
    this.place.innerHTML = html;
    this.mark(this.current);
    const link = key && this.place.querySelector(`[data-conversation="${CSS.escape(key)}"]`);
    if (!link) return;
    const again = button ? link.closest("li")?.querySelector("button") : link;
    /** @type {HTMLElement} */ (again ?? link).focus({ preventScroll: true });
  }

  /** @param {string} conversation the id of the open one */
  mark(conversation) {
    this.current = conversation;
    for (const link of this.links) {
      if (link.dataset.conversation === conversation) link.setAttribute("aria-current", "page");
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

  listenToKeys() {
    const side = this.place.closest("nav") ?? this.place;
    side.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      const link = event.target instanceof Element ? event.target.closest("li")?.querySelector("a") : null;
      const typing = event.target instanceof HTMLInputElement;
      if (event.key === "/" && !typing) this.search.focus();
      else if (event.key === "ArrowDown" && event.target === this.search) this.links[0]?.focus();
      else if (typing || !link) return;
      else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.step(link, event.key === "ArrowDown" ? 1 : -1);
      else if (event.key === "Home") this.links[0]?.focus();
      else if (event.key === "End") this.links.at(-1)?.focus();
      else if (event.key === "F2") rename(link, this);
      else return;
      event.preventDefault();
    });
    document.addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey || event.key.toLowerCase() !== "k") return;
      event.preventDefault();
      if (!this.search.checkVisibility()) side.showPopover?.();
      this.search.select();
      this.search.focus();
    });
  }

  /** @param {HTMLAnchorElement} link @param {number} by */
  step(link, by) {
    const to = this.links[this.links.indexOf(link) + by];
    (to ?? (by < 0 ? this.search : link)).focus();
  }
}
