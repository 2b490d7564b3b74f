// Keeps the end of the conversation in sight, but only for a person who is there; others get a button that leads to it.

const NEAR = 80; // CSS pixels from the end that count as "there"

export class Follow {
  /**
   * @param {HTMLElement} place what scrolls
   * @param {HTMLElement} content what grows in it
   * @param {HTMLElement} pill leads to the new text
   */
  constructor(place, content, pill) {
    this.place = place;
    this.pill = pill;
    this.there = true;
    this.top = place.scrollTop;
    this.height = content.scrollHeight;
    place.addEventListener("scroll", () => this.look(), { passive: true });
    pill.addEventListener("click", () => this.toEnd(true));
    const observer = new ResizeObserver(() => this.changed(content.scrollHeight));
    observer.observe(content);
    observer.observe(place);
  }

  /** Only a move upwards is a person's wish to stay: new text below moves nothing. */
  look() {
    const { scrollTop, scrollHeight, clientHeight } = this.place;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    if (near) this.pill.hidden = true;
    if (near || scrollTop < this.top) this.there = near;
    this.top = scrollTop;
  }

  /** @param {number} height */
  changed(height) {
    const grew = height > this.height;
    this.height = height;
    if (this.there) this.toEnd(false);
    else if (grew && document.querySelector(".turn.streaming")) this.pill.hidden = false;
  }

  /** @param {boolean} smoothly */
  toEnd(smoothly) {
    this.there = true;
    this.pill.hidden = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.place.scrollTo({ top: this.place.scrollHeight, behavior: smoothly && !calm ? "smooth" : "instant" });
  }
}
