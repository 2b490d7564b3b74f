// The words of the listening strip, with a clock. The words are read out when they change, the clock is not.

export class Strip {
  /** @param {HTMLElement | null} element */
  constructor(element) {
    this.element = element;
  }

  /** @param {string} text @param {number} [seconds] what the clock shows */
  show(text, seconds) {
    if (!this.element) return;
    if (this.element.childElementCount !== 2) {
      const clock = document.createElement("em");
      clock.setAttribute("aria-hidden", "true");
      this.element.replaceChildren(document.createElement("span"), " ", clock);
    }
    const [said, clock] = this.element.children;
    if (said.textContent !== text) said.textContent = text;
    clock.textContent = seconds === undefined ? "" : time(seconds);
  }

  /** Whether the focus is in the strip. */
  get focused() {
    return this.element?.parentElement?.contains(document.activeElement) ?? false;
  }
}

/** @param {number} seconds */
function time(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
