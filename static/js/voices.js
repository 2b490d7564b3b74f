// The page's side of voice: the microphone at the composer, and finished sentences spoken aloud. When the voice modules do
// not load, writing and reading go on without them.
import { announce } from "./announce.js";
import { showTrouble } from "./trouble.js";
import { allWords } from "./words.js";

/** The name of the role that answers: it chooses the voice. */
const role = () => document.getElementById("role-name")?.textContent ?? "";

export class Voices {
  /** @param {import("./composer.js").Composer} composer */
  constructor(composer) {
    /** @type {any} */ this.speaker = null;
    /** @type {any} */ this.microphone = null;
    /** @type {HTMLElement | null} the button of the answer that is being read */
    this.reading = null;
    /** @type {Set<string>} answers that were begun in this tab */
    this.begun = new Set();
    /** @type {Set<string>} */
    this.heard = new Set();
    this.load(composer);
  }

  /** @param {import("./composer.js").Composer} composer */
  async load(composer) {
    const button = composer.element.querySelector('[data-voice="talk"]');
    try {
      const [{ Speaker }, { Microphone }] = await Promise.all([import("./voice/speaker.js"), import("./voice/microphone.js")]);
      this.speaker = new Speaker({ words: allWords });
      this.speaker.onstate?.(() => this.showReading());
      if (!button || composer.closed) return;
      this.microphone = new Microphone({ button, composer, words: allWords });
      button.removeAttribute("disabled"); // a press before now would have been lost
    } catch (error) {
      console.warn("voice is not available", error);
      button?.setAttribute("hidden", "");
    }
  }

  /** Must be called while a click or a key is handled: some browsers speak only then. */
  unlock() {
    this.speaker?.unlock();
  }

  /** The person switched spoken answers on or off. @param {boolean} on */
  allow(on) {
    if (!on) return this.silence();
    this.unlock();
    if (this.speaker?.sentence) showTrouble(this.speaker.sentence);
  }

  silence() {
    this.speaker?.silence();
    this.showReading();
  }

  /** Nothing is spoken or heard any more. */
  close() {
    this.silence();
    this.microphone?.cancel();
  }

  /**
   * A finished sentence: spoken when the conversation speaks and the person is here, else left to the screen reader.
   * One of an answer that came and ended while the page was away is heard only where its question was asked.
   * @param {{answer: string, number: number, text: string, language: string, late?: boolean}} sentence
   * @param {boolean} speaks
   */
  sentence({ answer, number, text, language, late }, speaks) {
    const key = `${answer} ${number}`;
    if (this.heard.has(key) || (late && !this.begun.has(answer))) return;
    this.heard.add(key);
    const here = this.begun.has(answer) || document.visibilityState === "visible";
    if (speaks && this.speaker) {
      if (here) this.speaker.say(text, language, { role: role() });
    } else {
      announce(text);
    }
  }

  /** Reads an answer aloud, or falls silent when it is being read. @param {string} text @param {HTMLElement} button */
  read(text, button) {
    const stop = this.reading === button;
    this.silence();
    if (stop || !text || !this.speaker) return;
    this.unlock();
    this.reading = button;
    this.speaker.say(text, "", { role: role() });
    button.setAttribute("aria-pressed", "true");
  }

  showReading() {
    if (!this.reading || this.speaker?.speaking) return;
    this.reading.setAttribute("aria-pressed", "false");
    this.reading = null;
  }
}
