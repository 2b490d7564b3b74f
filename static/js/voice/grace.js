// The moment between the words in the box and their sending: whoever touches the box keeps them.

const USUAL = 1200; // ms

export class Grace {
  /**
   * @param {HTMLElement} form data-voice-grace: the moment in ms
   * @param {(kept: boolean) => void} over kept: somebody wants to send by hand
   */
  constructor(form, over) {
    const given = form.dataset.voiceGrace;
    this.milliseconds = given ? Number(given) : USUAL;
    this.over = over;
    this.listening = new AbortController();
    const { signal } = this.listening;
    const box = /** @type {HTMLElement} */ (form.querySelector("textarea"));
    for (const event of ["pointerdown", "beforeinput", "input", "paste", "compositionstart"]) {
      box.addEventListener(event, () => this.end(true), { signal });
    }
    box.addEventListener("keydown", () => this.end(true), { signal, capture: true });
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.escape(event), { signal, capture: true });
    form.addEventListener("submit", () => this.end(true), { signal, capture: true });
    this.timer = setTimeout(() => this.end(false), this.milliseconds);
  }

  /** This Escape means the words, not the answer that may be growing. @param {Event} event */
  escape(event) {
    event.stopPropagation();
    this.end(true);
  }

  /** @param {boolean | null} kept null: nothing more is to be done */
  end(kept) {
    clearTimeout(this.timer);
    this.listening.abort();
    if (kept !== null) this.over(kept);
  }
}
