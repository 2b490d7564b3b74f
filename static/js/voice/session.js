// One press of the button: the microphone open, from the permission to the finished recording.
import { Trouble, openMicrophone } from "./device.js";
import { Level } from "./level.js";
import { Recording } from "./recording.js";
import { troubleOf } from "./troubles.js";

const SILENCE = 2; // seconds without any sound before a hint

/**
 * What the session tells while it lasts. A hint is the key of a sentence, "" when there is nothing to say.
 * @typedef {{level: (level: number) => void, tick: (seconds: number, hint: string) => void, over: (why: string) => void}} Listener
 */

/** Null where the browser has none, or no more of them: what is recorded then has no meter. */
function newAudio() {
  try {
    return new AudioContext();
  } catch {
    return null;
  }
}

export class Session {
  /** @param {number} limit seconds @param {Listener} listener */
  constructor(limit, listener) {
    this.limit = limit;
    this.listener = listener;
    this.hint = "";
    this.closed = false;
    // Made while the press is handled: later some browsers would keep it silent.
    this.audio = newAudio();
    /** @type {Recording | null} */ this.recording = null;
    /** @type {Level | null} */ this.level = null;
  }

  /** Asks for the microphone and starts. Throws Trouble. Returns false when it was closed meanwhile. */
  async open() {
    try {
      const stream = await openMicrophone();
      if (this.closed) return stream.getTracks().forEach((track) => track.stop()), false;
      this.audio?.resume().catch(() => {});
      this.watch(stream.getAudioTracks()[0]);
      this.recording = this.record(stream);
      if (this.audio) this.level = new Level(this.audio, stream, (level, silent) => this.heard(level, silent));
      this.timer = setInterval(() => this.tick(), 200);
      return true;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param {MediaStream} stream */
  record(stream) {
    try {
      return new Recording(stream, this.audio);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw new Trouble(troubleOf(/** @type {Error} */ (error)));
    }
  }

  /** @param {MediaStreamTrack} track */
  watch(track) {
    this.muted = track.muted;
    track.addEventListener("mute", () => (this.muted = true));
    track.addEventListener("unmute", () => (this.muted = false));
    track.addEventListener("ended", () => this.listener.over("voice-ended"));
  }

  /** @param {number} level @param {number} silentFor */
  heard(level, silentFor) {
    this.hint = this.muted ? "voice-muted" : silentFor >= SILENCE ? "voice-silent" : "";
    this.listener.level(level);
  }

  tick() {
    if (!this.level && this.muted) this.hint = "voice-muted";
    const seconds = this.recording?.seconds ?? 0;
    this.listener.tick(seconds, this.hint);
    if (seconds >= this.limit) this.listener.over("voice-limit");
  }

  /** What was recorded; `why` is the key of the sentence for a recording without any sound, else "". */
  async finish() {
    const soundless = this.level !== null && !this.level.blind && !this.level.heard;
    const why = this.muted ? "voice-muted" : soundless ? "voice-silent" : "";
    const blob = await /** @type {Recording} */ (this.recording).finish();
    this.close();
    return { blob, why };
  }

  /** Ends everything; what was recorded and not finished is dropped. */
  close() {
    this.closed = true;
    clearInterval(this.timer);
    this.level?.stop();
    if (this.recording?.stream.active) this.recording.drop();
    if (this.audio && this.audio.state !== "closed") this.audio.close();
  }
}
