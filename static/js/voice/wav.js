// A recording as WAV (one channel, 16 bits), for browsers without MediaRecorder. They are old: they know no AudioWorklet either.

const BLOCK = 4096; // samples

export class WavRecorder {
  /** @param {AudioContext} audio @param {MediaStream} stream */
  constructor(audio, stream) {
    this.rate = audio.sampleRate;
    /** @type {Int16Array[]} */ this.blocks = [];
    this.source = audio.createMediaStreamSource(stream);
    this.node = audio.createScriptProcessor(BLOCK, 1, 1);
    this.node.onaudioprocess = ({ inputBuffer }) => this.blocks.push(sixteenBits(inputBuffer.getChannelData(0)));
    this.source.connect(this.node);
    this.node.connect(audio.destination); // it only runs when it leads somewhere; its output stays silent
  }

  /** @returns {Blob} */
  finish() {
    this.node.onaudioprocess = null;
    this.source.disconnect();
    this.node.disconnect();
    const size = this.blocks.reduce((sum, block) => sum + block.byteLength, 0);
    return new Blob([header(size, this.rate), ...this.blocks.map((block) => /** @type {BlobPart} */ (block))], { type: "audio/wav" });
  }
}

/** @param {Float32Array} samples */
function sixteenBits(samples) {
  return Int16Array.from(samples, (sample) => Math.max(-1, Math.min(1, sample)) * 32767);
}

/** The 44 bytes before the samples. @param {number} size bytes of samples @param {number} rate samples a second */
function header(size, rate) {
  const view = new DataView(new ArrayBuffer(44));
  const text = (/** @type {number} */ at, /** @type {string} */ letters) =>
    [...letters].forEach((letter, index) => view.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + size, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // plain samples
  view.setUint16(22, 1, true); // channels
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * 2, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, size, true);
  return view.buffer;
}
