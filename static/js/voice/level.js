// How loud the microphone is, several times a second, and whether any sound arrives at all.

const EVERY = 50; // ms
const SILENT = 0.0008; // of full scale; even a quiet room is louder, a microphone that is switched off is exactly 0
const LOUD = 0.25; // the root mean square of loud speech fills the meter

export class Level {
  /**
   * @param {AudioContext} audio
   * @param {MediaStream} stream
   * @param {(level: number, silentFor: number) => void} report level 0 to 1; seconds since the last sound
   */
  constructor(audio, stream, report) {
    this.source = audio.createMediaStreamSource(stream);
    this.analyser = audio.createAnalyser();
    this.analyser.fftSize = 2048;
    this.source.connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    this.report = report;
    this.lastSound = performance.now();
    this.heard = false; // whether there was ever a sound
    this.blind = true; // as long as the browser does not let the page listen in
    this.timer = setInterval(() => this.measure(), EVERY);
  }

  measure() {
    if (this.source.context.state !== "running") return this.wait();
    this.blind = false;
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    let peak = 0;
    for (const sample of this.samples) {
      sum += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    const now = performance.now();
    if (peak > SILENT) {
      this.lastSound = now;
      this.heard = true;
    }
    const level = Math.min(1, Math.sqrt(Math.sqrt(sum / this.samples.length) / LOUD));
    this.report(level, (now - this.lastSound) / 1000);
  }

  wait() {
    this.lastSound = performance.now();
    this.report(0, 0);
  }

  stop() {
    clearInterval(this.timer);
    this.source.disconnect();
  }
}

/**
 * Draws a level into the bars of a meter: the middle ones are the highest.
 * @param {HTMLElement | null} element
 * @param {number} level 0 to 1
 */
export function drawLevel(element, level) {
  const bars = /** @type {HTMLElement[]} */ (element ? [...element.children] : []);
  const middle = (bars.length - 1) / 2;
  bars.forEach((bar, index) => {
    const place = 1 - Math.abs(index - middle) / (middle + 1);
    bar.style.animation = "none";
    bar.style.height = `${Math.round(14 + 86 * level * (0.35 + 0.65 * place))}%`;
  });
}
