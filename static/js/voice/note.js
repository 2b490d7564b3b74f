// The line under the box that tells what becomes of a recording: its language, the moment before it is sent, "Try again".

export class Note {
  /** @param {HTMLElement} form */
  constructor(form) {
    this.element = document.createElement("div");
    this.element.className = "voice-note";
    this.element.setAttribute("role", "status");
    this.element.hidden = true;
    form.append(this.element);
  }

  /** Whether it waits for a choice. */
  get asks() {
    return this.element.querySelector("button") !== null;
  }

  clear() {
    this.element.hidden = true;
    this.element.replaceChildren();
  }

  /**
   * @param {string} language the name of the language that was heard, "" when nobody knows
   * @param {string} text
   * @param {number} [milliseconds] a bar runs out in this time
   */
  showWords(language, text, milliseconds = 0) {
    this.clear();
    if (language) this.add("span", "chip hide", language).dataset.voice = "language";
    this.add("span", "", text);
    if (milliseconds) this.add("i", "voice-grace", "").style.animationDuration = `${milliseconds}ms`;
    this.element.hidden = false;
  }

  /**
   * @param {string} text
   * @param {[string, string, () => void][]} choices mark, words and deed of each button
   */
  showChoices(text, choices) {
    this.clear();
    this.add("span", "", text);
    for (const [mark, words, deed] of choices) {
      const button = /** @type {HTMLButtonElement} */ (this.add("button", "plain", words));
      button.type = "button";
      button.dataset.voice = mark;
      button.addEventListener("click", deed);
    }
    this.element.hidden = false;
  }

  /** @param {string} tag @param {string} name @param {string} text */
  add(tag, name, text) {
    const element = document.createElement(tag);
    element.className = name;
    element.textContent = text;
    this.element.append(element);
    return element;
  }
}
