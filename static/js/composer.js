// The box of the question. What was typed is kept until the server has stored it: a failed send loses nothing.
import { tell } from "./announce.js";
import { draftKey, keepDraft, readDraft } from "./drafts.js";
import { Refusal, post } from "./server.js";
import { clearTrouble, showTrouble } from "./trouble.js";
import { word } from "./words.js";

/** @typedef {{language: string, seconds: number, took: number}} Spoken */

export class Composer {
  /**
   * @param {HTMLFormElement} form
   * @param {(text: string, spoken: Spoken | null) => Promise<void>} ask stores the question; throws Refusal
   */
  constructor(form, ask) {
    this.element = form;
    this.ask = ask;
    this.box = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("question"));
    this.strip = /** @type {HTMLElement | null} */ (form.querySelector(".listening"));
    this.file = /** @type {HTMLInputElement} */ (form.elements.namedItem("file"));
    this.place = "new"; // where the draft belongs: the conversation's id
    /** @type {Spoken | null} what is known of a recording whose words stand in the box */
    this.spoken = null;
    this.sending = this.closed = false;
    this.next = false; // whether what was typed meanwhile is to be sent after it
    this.box.addEventListener("input", () => this.edited());
    this.box.addEventListener("keydown", (event) => {
      // 229: the Enter that ends a composition in Safari
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.send();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.file.addEventListener("change", () => {
      const file = this.file.files?.[0];
      this.file.value = "";
      if (file) this.hear(file);
    });
    document.getElementById("try")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.setText(/** @type {HTMLButtonElement} */ (/** @type {SubmitEvent} */ (event).submitter).value);
      this.send();
    });
  }

  // the draft

  /** @param {string} conversation */
  belongsTo(conversation) {
    this.place = conversation || "new";
    const draft = readDraft(this.key);
    if (draft && !this.getText()) this.setText(draft);
    this.size();
  }

  get key() {
    return draftKey(this.element.dataset.whose ?? "", this.place);
  }

  edited() {
    if (!this.getText().trim()) this.spoken = null;
    this.keep(this.getText());
    this.size();
  }

  /** @param {string} text */
  keep(text) {
    keepDraft(this.key, text);
  }

  /** Grows with its text where the style sheet cannot do it. */
  size() {
    if (CSS.supports("field-sizing", "content")) return;
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight}px`;
  }

  getText() {
    return this.box.value;
  }

  /** @param {string} text */
  setText(text) {
    this.box.value = text;
    this.edited();
  }

  focus() {
    this.box.focus();
  }

  // sending

  /** @param {{spoken?: Spoken | null}} [given] */
  async send({ spoken = this.spoken } = {}) {
    const text = this.getText().trim();
    if (this.closed) return;
    if (!text) return this.focus();
    if (this.sending) return void (this.next = true);
    this.sending = true;
    clearTrouble();
    const key = this.key;
    this.setText("");
    this.keep(text);
    try {
      await this.ask(text, spoken);
      keepDraft(key, "");
      if (this.getText()) this.keep(this.getText());
    } catch (refusal) {
      this.next = false;
      this.takeBack(text, spoken, refusal);
    } finally {
      this.sending = false;
    }
    if (!this.next) return;
    this.next = false;
    this.send();
  }

  /** @param {string} text @param {Spoken | null} spoken @param {unknown} refusal */
  takeBack(text, spoken, refusal) {
    this.setText([text, this.getText().trim()].filter(Boolean).join("\n"));
    this.spoken = spoken;
    if (refusal instanceof Refusal) showTrouble(refusal.sentence, word(refusal.status ? "kept" : "unreachable-remedy"));
    else throw refusal;
  }

  // a recording from a file: its words come into the box, to be read before they are sent

  /** @param {File} file */
  async hear(file) {
    const megabytes = Number(this.file.dataset.megabytes);
    if (file.size > megabytes * 1024 * 1024) {
      return showTrouble(word("too-large", { megabytes }), word("too-large-remedy"));
    }
    clearTrouble();
    tell(word("hearing"));
    const placeholder = this.box.placeholder;
    this.box.placeholder = word("hearing");
    const form = new FormData();
    form.append("file", file);
    try {
      const { text, language, seconds, took, sentence } = await post("/transcribe", form);
      if (!text) return showTrouble(sentence || word("nothing-heard"));
      this.setText([this.getText().trim(), text].filter(Boolean).join(" "));
      this.spoken = { language, seconds, took };
      this.focus();
    } catch (refusal) {
      if (refusal instanceof Refusal) showTrouble(refusal.sentence);
      else throw refusal;
    } finally {
      this.box.placeholder = placeholder;
      tell("");
    }
  }

  // what the microphone and the page do with it

  /** @param {string} sentence @param {string} [remedy] */
  showTrouble(sentence, remedy) {
    showTrouble(sentence, remedy);
  }

  clearTrouble() {
    clearTrouble();
  }

  /** Shows the listening strip in the place of the box, and returns the element that shows the level. @param {boolean} on */
  setListening(on) {
    this.element.classList.toggle("is-listening", on);
    if (this.strip) this.strip.hidden = !on;
    return /** @type {HTMLElement | null} */ (this.strip?.querySelector(".wave") ?? null);
  }

  get listening() {
    return this.element.classList.contains("is-listening");
  }

  /** Nothing can be sent from here any more; what was typed stays, and is kept. */
  close() {
    this.closed = true;
    this.setRunning(false);
    for (const each of this.element.querySelectorAll("button, input")) /** @type {HTMLButtonElement} */ (each).disabled = true;
  }

  /** Stop stands in the place of Send while an answer grows. @param {boolean} on */
  setRunning(on) {
    this.element.classList.toggle("running", on);
  }
}
