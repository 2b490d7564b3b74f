// Sentences spoken by the browser, one after the other. Silent as soon as it is told to be, or the microphone opens.
import { chooseVoice, languageOf } from "./choice.js";
import { sentence } from "./sentences.js";

const LATE = 1000; // ms to wait for the voices of a browser that loads them after the page
const LONGEST = 200; // characters of one utterance: Chrome falls silent after 15 s of a voice from the net
const WATCH = 5000; // ms

export class Speaker {
  /** @param {{words: import("./sentences.js").Words}} parts */
  constructor({ words }) {
    this.synthesis = typeof speechSynthesis === "undefined" ? null : speechSynthesis;
    this.supported = this.synthesis !== null && typeof SpeechSynthesisUtterance !== "undefined";
    /** Why nothing can be heard, "" when it can. */
    this.sentence = this.supported ? "" : sentence(words, "voice-no-speech");
    /** @type {{text: string, language: string, role: string}[]} */ this.queue = [];
    /** @type {SpeechSynthesisUtterance | null} held, because a browser may forget one that nobody holds */
    this.current = null;
    this.waiting = false;
    this.unlocked = false;
    this.listening = false;
    /** @type {((state: "silent" | "speaking") => void)[]} */ this.listeners = [];
    document.addEventListener("voice-listening", (event) => this.yield(/** @type {CustomEvent} */ (event).detail));
    addEventListener("pagehide", () => this.silence());
  }

  get speaking() {
    return this.current !== null || this.queue.length > 0;
  }

  /** @param {(state: "silent" | "speaking") => void} fn called whenever speaking begins or ends */
  onstate(fn) {
    this.listeners.push(fn);
  }

  /** To be called while a click or a key is handled: iOS speaks only after that. */
  unlock() {
    if (!this.synthesis || this.unlocked) return;
    this.unlocked = true;
    this.synthesis.speak(new SpeechSynthesisUtterance(""));
  }

  /**
   * @param {string} text
   * @param {string} language "" to find it from the letters
   * @param {{role?: string}} [options] the role of the conversation
   */
  say(text, language, { role = "" } = {}) {
    if (!this.supported || this.listening) return;
    const was = this.speaking;
    for (const part of parts(text)) this.queue.push({ text: part, language, role });
    if (!was && this.speaking) this.tell("speaking");
    this.next();
  }

  /** At once, and nothing of the queue later. */
  silence() {
    const was = this.speaking;
    this.queue = [];
    this.current = null;
    clearInterval(this.watch);
    this.synthesis?.cancel();
    if (was) this.tell("silent");
  }

  /** The microphone must not hear the speaker. @param {boolean} listening */
  yield(listening) {
    this.listening = listening;
    if (listening) {
      this.silence();
      this.unlock(); // the press that opened the microphone
    }
  }

  next() {
    if (this.current || this.waiting || !this.synthesis) return;
    const voices = this.synthesis.getVoices();
    if (!voices.length && !this.patient) return this.wait();
    const said = this.queue.shift();
    if (!said) return;
    const language = said.language || languageOf(said.text, document.documentElement.lang || navigator.language);
    const utterance = new SpeechSynthesisUtterance(said.text);
    const voice = chooseVoice(voices, language, said.role);
    utterance.lang = voice?.lang ?? language;
    if (voice) utterance.voice = voice;
    utterance.onend = utterance.onerror = () => this.done(utterance);
    this.current = utterance;
    this.synthesis.speak(utterance);
    this.guard(utterance, voice !== null && !voice.localService);
  }

  /** Voices come late in some browsers: once, a moment is given to them. */
  wait() {
    this.waiting = true;
    const go = () => {
      if (this.patient) return;
      this.patient = true;
      this.waiting = false;
      this.next();
    };
    this.synthesis?.addEventListener?.("voiceschanged", go, { once: true });
    setTimeout(go, LATE);
  }

  /** @param {SpeechSynthesisUtterance} utterance */
  done(utterance) {
    if (this.current !== utterance) return; // silenced meanwhile
    clearInterval(this.watch);
    this.current = null;
    if (this.queue.length) this.next();
    else this.tell("silent");
  }

  /**
   * A voice from the net stops after 15 s unless it is nudged, and an utterance may get lost without an event.
   * @param {SpeechSynthesisUtterance} utterance
   * @param {boolean} remote
   */
  guard(utterance, remote) {
    clearInterval(this.watch);
    const until = performance.now() + 10_000 + utterance.text.length * 250;
    this.watch = setInterval(() => {
      const idle = !this.synthesis?.speaking && !this.synthesis?.pending;
      if (idle || performance.now() > until) {
        this.synthesis?.cancel();
        this.done(utterance);
      } else if (remote) {
        this.synthesis?.pause();
        this.synthesis?.resume();
      }
    }, WATCH);
  }

  /** @param {"silent" | "speaking"} state */
  tell(state) {
    for (const listener of this.listeners) listener(state);
  }
}

/** A long sentence in parts, cut where one may breathe. @param {string} text */
function parts(text) {
  const found = [];
  let rest = text.trim();
  while (rest.length > LONGEST) {
    const head = rest.slice(0, LONGEST);
    const breath = Math.max(...[",", ";", ":", "，", "；", "、"].map((mark) => head.lastIndexOf(mark) + 1));
    const cut = breath > LONGEST / 3 ? breath : head.lastIndexOf(" ") + 1 || LONGEST;
    found.push(rest.slice(0, cut).trim());
    rest = rest.slice(cut).trim();
  }
  return rest ? [...found, rest] : found;
}
