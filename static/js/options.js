// Forms that save quietly, and the switch for spoken answers. Everything else in the panels is a plain form.
import { tell } from "./announce.js";
import { listenToRoles } from "./roles.js";
import { Refusal, post } from "./server.js";
import { showTrouble } from "./trouble.js";
import { word } from "./words.js";

/** Forms marked `data-quiet`: sent without leaving the page. What they change comes back through the stream. */
export function listenToOptions() {
  listenToRoles();
  document.addEventListener("submit", async (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!("quiet" in form.dataset) || event.defaultPrevented) return;
    event.preventDefault();
    const button = /** @type {HTMLButtonElement | null} */ (event.submitter);
    if (button) button.disabled = true;
    try {
      await post(form.getAttribute("action") ?? "", new FormData(form, button));
    } catch (refusal) {
      if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
      else throw refusal;
    } finally {
      if (button) button.disabled = false;
    }
  });
}

export class Speaks {
  /**
   * @param {HTMLFormElement} form
   * @param {boolean} on
   * @param {(on: boolean) => void} changed
   */
  constructor(form, on, changed) {
    this.form = form;
    this.on = on;
    this.first = on; // what a conversation begins with
    this.conversation = "";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.set(!this.on);
      changed(this.on);
      tell(word(this.on ? "speaking-on" : "speaking-off"));
      this.save();
    });
  }

  /** @param {boolean} on */
  set(on) {
    this.on = on;
    const button = this.form.querySelector("button");
    button?.setAttribute("aria-pressed", String(on));
    if (button) button.value = on ? "off" : "on";
  }

  /** Before the first question there is no conversation that could keep it: it is saved when there is one. */
  async save() {
    if (!this.conversation) return;
    try {
      await post(`/c/${this.conversation}/options`, { speaks: this.on ? "on" : "off" });
    } catch (refusal) {
      if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
      else throw refusal;
    }
  }

  /** @param {string} conversation */
  belongsTo(conversation) {
    const first = !this.conversation && conversation;
    this.conversation = conversation;
    if (first && this.on !== this.first) this.save();
  }
}
