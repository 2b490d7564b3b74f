// One recording: in the best format the browser has, else as WAV. The server looks at the bytes, not at the name.
import { WavRecorder } from "./wav.js";

const FORMATS = [
  "audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/webm", "audio/ogg",
];
const PORTION = 1000; // ms; a browser that dies of a long recording has it in small parts

/** The first format that the browser records, "" when it records none of them. */
export function bestFormat() {
  if (typeof MediaRecorder === "undefined") return "";
  return FORMATS.find((format) => MediaRecorder.isTypeSupported(format)) ?? "";
}

export class Recording {
  /**
   * Starts at once. Throws an error named NoCodec when the browser can record in no way.
   * @param {MediaStream} stream
   * @param {AudioContext | null} audio for browsers without a recorder
   */
  constructor(stream, audio) {
    this.stream = stream;
    this.began = performance.now();
    /** @type {Blob[]} */ this.parts = [];
    /** @type {MediaRecorder | null} */ this.recorder = null;
    /** @type {WavRecorder | null} */ this.wav = null;
    const mimeType = bestFormat();
    if (mimeType) {
      this.recorder = new MediaRecorder(stream, { mimeType });
      this.recorder.addEventListener("dataavailable", ({ data }) => data.size && this.parts.push(data));
      this.recorder.start(PORTION);
    } else if (audio) {
      this.wav = new WavRecorder(audio, stream);
    } else {
      throw Object.assign(new Error("The browser cannot record."), { name: "NoCodec" });
    }
  }

  get seconds() {
    return (performance.now() - this.began) / 1000;
  }

  /** Ends the recording and releases the microphone. @returns {Promise<Blob>} */
  async finish() {
    const { recorder } = this;
    if (recorder && recorder.state !== "inactive") {
      await new Promise((resolve) => {
        recorder.addEventListener("stop", resolve, { once: true });
        recorder.stop();
      });
    }
    const blob = this.wav ? this.wav.finish() : new Blob(this.parts, { type: recorder?.mimeType });
    this.release();
    return blob;
  }

  /** Drops the recording. */
  drop() {
    if (this.recorder && this.recorder.state !== "inactive") this.recorder.stop();
    this.wav?.finish();
    this.parts = [];
    this.release();
  }

  release() {
    for (const track of this.stream.getTracks()) track.stop();
  }
}
