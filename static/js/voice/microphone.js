// The microphone at the composer: press, speak, press again; the words appear in the box and are sent after a moment.
// Whatever goes wrong is told in a sentence with its remedy, and what was recorded is kept until it is understood.
import { Trouble } from "./device.js";
import { Grace } from "./grace.js";
import { drawLevel } from "./level.js";
import { Note } from "./note.js";
import { sentence } from "./sentences.js";
import { Session } from "./session.js";
import { Strip } from "./strip.js";
import { Failure, transcribe } from "./transcript.js";

const USUAL_LIMIT = 600; // seconds
/** What a person reads who waits so many ms: the browser asks first, and may never answer. @type {[number, string][]} */
const WAITING = [[300, "voice-waiting"], [8000, "voice-waiting-long"]];

/** @typedef {import("./sentences.js").Words} Words */
export class Microphone {
  /** @param {{button: HTMLElement, composer: any, words: Words}} parts the composer is the page's, see its module */
  constructor({ button, composer, words }) {
    this.button = button;
    this.composer = composer;
    this.words = words;
    this.form = /** @type {HTMLElement} */ (composer.element);
    this.strip = new Strip(this.form.querySelector(".listening .words"));
    this.note = new Note(this.form);
    /** @type {"idle" | "asking" | "listening" | "transcribing" | "grace"} */ this.state = "idle";
    /** @type {Session | null} */ this.session = null;
    /** @type {Grace | null} */ this.grace = null;
    /** @type {AbortController | null} */ this.upload = null;
    /** @type {HTMLElement | null} */ this.meter = null;
    this.cutOff = false;
    button.addEventListener("click", () => this.press());
    for (const finish of this.form.querySelectorAll('[data-voice="finish"], [data-voice="send"]')) {
      finish.addEventListener("click", () => this.finish());
    }
    this.form.querySelector('[data-voice="cancel"]')?.addEventListener("click", () => this.cancel());
    this.form.addEventListener("submit", () => this.note.clear());
    this.form.addEventListener("keydown", () => setTimeout(() => this.sent()));
    addEventListener("pagehide", () => this.session?.close());
  }

  /** @param {string} key @param {Record<string, string | number>} [values] */
  word(key, values) {
    return sentence(this.words, key, values);
  }

  press() {
    if (this.state === "listening") this.finish();
    else if (this.state === "grace") this.grace?.end(true);
    else if (this.state === "idle") this.start();
  }

  async start() {
    this.composer.clearTrouble();
    this.note.clear();
    this.cutOff = false;
    // The page must not be heard by its own microphone: whoever speaks falls silent now.
    document.dispatchEvent(new CustomEvent("voice-listening", { detail: true }));
    const session = new Session(Number(this.form.dataset.audioSeconds) || USUAL_LIMIT, {
      level: (level) => drawLevel(this.meter, level),
      tick: (seconds, hint) => this.tick(seconds, hint),
      over: (why) => this.over(why),
    });
    this.session = session;
    this.to("asking");
    const waiting = WAITING.map(([time, key]) => setTimeout(() => this.session === session && this.wait(key), time));
    try {
      if (await session.open()) this.listen();
    } catch (error) {
      this.rest();
      this.tell(error instanceof Trouble ? error.key : "voice-failed");
    } finally {
      waiting.forEach(clearTimeout);
    }
  }

  /** @param {string} key what is told while the browser asks the person, who can still cancel */
  wait(key) {
    this.composer.setListening(true, {});
    this.strip.show(this.word(key));
  }

  listen() {
    this.to("listening");
    this.meter = this.composer.setListening(true, {}) ?? this.form.querySelector(".listening .wave");
    this.tick(0, "");
    /** @type {HTMLElement | null} */ (this.form.querySelector('[data-voice="finish"], [data-voice="send"]'))?.focus();
  }

  /** @param {number} seconds @param {string} hint */
  tick(seconds, hint) {
    this.strip.show(this.word(hint || "voice-listening"), seconds);
  }

  /** The recording ended by itself: there may be more to say before it is sent. @param {string} why */
  over(why) {
    if (this.state !== "listening") return;
    this.cutOff = true;
    this.tell(why);
    this.finish();
  }

  async finish() {
    if (this.state !== "listening" || !this.session) return;
    this.to("transcribing");
    const session = this.session;
    const { blob, why } = await session.finish();
    if (this.session !== session) return; // cancelled meanwhile
    await this.understand(blob, why);
  }

  /** @param {Blob} blob @param {string} why the key of the sentence when no sound was recorded */
  async understand(blob, why) {
    this.to("transcribing");
    this.note.clear();
    this.composer.setListening(true, {});
    this.strip.show(this.word("voice-transcribing"));
    this.upload = new AbortController();
    const { signal } = this.upload;
    try {
      const heard = await transcribe(blob, signal);
      this.rest();
      if (heard.text.trim()) this.arrived(heard);
      else if (why) this.tell(why);
      else this.composer.showTrouble(heard.sentence || this.word("voice-nothing"), this.word("voice-nothing-remedy"));
    } catch (error) {
      if (signal.aborted) return;
      this.rest();
      if (!(error instanceof Failure)) throw error;
      this.failed(error, blob, why);
    }
  }

  /** @param {Failure} failure @param {Blob} blob @param {string} why */
  failed(failure, blob, why) {
    this.composer.showTrouble(failure.sentence || this.word("voice-not-sent"), failure.again ? this.word("voice-kept") : "");
    if (!failure.again) return;
    this.note.showChoices(this.word("voice-have"), [
      ["again", this.word("voice-again"), () => {
        this.composer.clearTrouble();
        this.understand(blob, why);
      }],
      ["drop", this.word("voice-drop"), () => {
        this.composer.clearTrouble();
        this.note.clear();
      }],
    ]);
  }

  /** @param {import("./transcript.js").Transcript} heard */
  arrived({ text, language, language_name: name, seconds, took }) {
    const draft = this.composer.getText().trim();
    const spoken = { language, seconds, took };
    this.composer.setText([draft, text.trim()].filter(Boolean).join(" "));
    this.composer.spoken = spoken; // for a sending by hand
    if (draft || this.cutOff) return this.note.showWords(name, this.word("voice-by-hand"));
    this.to("grace");
    this.grace = new Grace(this.form, (kept) => {
      this.to("idle");
      if (kept) return this.note.showWords(name, this.word("voice-by-hand"));
      this.note.clear();
      this.composer.send({ spoken });
    });
    this.note.showWords(name, this.word("voice-sending"), this.grace.milliseconds);
  }

  /** Once the box is empty there is nothing left to tell about its words. */
  sent() {
    if (this.state === "idle" && !this.note.asks && !this.composer.getText().trim()) this.note.clear();
  }

  cancel() {
    this.upload?.abort();
    this.rest();
  }

  /** @param {string} key */
  tell(key) {
    this.composer.showTrouble(this.word(key), this.word(`${key}-remedy`));
  }

  rest() {
    this.session?.close();
    this.session = null;
    this.to("idle");
    const inStrip = this.strip.focused;
    this.composer.setListening(false, {});
    if (inStrip) this.button.focus();
  }

  /** @param {Microphone["state"]} state */
  to(state) {
    if (this.state === "grace" && state !== "grace") this.grace?.end(null);
    this.state = state;
    this.button.setAttribute("aria-busy", String(state === "asking"));
    this.button.setAttribute("aria-pressed", String(state === "listening"));
    if (state === "idle") document.dispatchEvent(new CustomEvent("voice-listening", { detail: false }));
  }
}
