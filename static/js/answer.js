// The turns on the page: a new one comes in, its answer grows block by block, and at its end the stored turn takes its place.
import { morph } from "./morph.js";
import { word } from "./words.js";

const BLOCKS = "p, li, ul, ol, blockquote, pre, pre > code, h1, h2, h3, h4, h5, h6, div, table, tbody, tr, td";

/** The block at the end of `element`, if nothing but white space follows it. @param {Element | null} element */
function lastBlock(element) {
  let last = element?.lastChild ?? null;
  while (last?.nodeType === Node.TEXT_NODE && !last.textContent?.trim()) last = last.previousSibling;
  return last instanceof Element && last.matches(BLOCKS) ? last : null;
}

/** @param {string} html @returns {HTMLElement | null} */
function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("article");
}

export class Turns {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.caret = document.createElement("span");
    this.caret.className = "caret";
    this.caret.setAttribute("aria-hidden", "true");
    this.dress(place);
  }

  /** @returns {HTMLElement | null} the turn whose answer is being written */
  get growing() {
    return this.place.querySelector(".turn.streaming");
  }

  /** @returns {HTMLElement | null} */
  get last() {
    return this.place.querySelector(".turn.last");
  }

  /** @param {string} answer @returns {HTMLElement | null} */
  of(answer) {
    return this.place.querySelector(`[data-answer="${CSS.escape(answer)}"]`);
  }

  /**
   * A turn that began. One that is here already stays as it is: it may have grown meanwhile.
   * @param {string} html
   * @param {number | null} [replacesFrom] the number of the first message that left
   */
  insert(html, replacesFrom = null) {
    const turn = parsed(html);
    if (!turn || this.of(turn.dataset.answer ?? "")) return;
    if (replacesFrom !== null) {
      for (const old of this.place.querySelectorAll("[data-number]")) {
        if (Number(old.getAttribute("data-number")) >= replacesFrom) old.remove();
      }
    }
    this.unpend();
    for (const old of this.place.querySelectorAll(".turn.last")) {
      old.classList.remove("last");
      for (const mark of old.querySelectorAll(".only-last")) mark.remove();
      for (const row of old.querySelectorAll(".marks")) if (!row.firstElementChild) row.remove();
    }
    document.getElementById("welcome")?.remove();
    this.place.append(turn);
    this.dress(turn);
    if (turn.classList.contains("streaming")) this.moveCaret(turn);
  }

  /**
   * The model is loaded for the answer. Says whether this is new.
   * @param {{answer: string, html: string}} event
   */
  prepare({ answer, html }) {
    const turn = this.of(answer);
    const template = document.createElement("template");
    template.innerHTML = html;
    const then = template.content.querySelector(".preparing");
    if (!then || !turn?.classList.contains("streaming")) return false;
    const now = turn.querySelector(".preparing");
    if (now) morph(now, then);
    else turn.querySelector(".said")?.after(then);
    return !now;
  }

  /** @param {string} answer */
  prepared(answer) {
    this.of(answer)?.querySelector(".preparing")?.remove();
  }

  /**
   * The answer's blocks from number `from` on are these.
   * @param {{answer: string, from: number, html: string[]}} event
   */
  grow({ answer, from, html }) {
    const turn = this.of(answer);
    const said = turn?.querySelector(".said");
    if (!turn || !said || !turn.classList.contains("streaming")) return;
    this.prepared(answer);
    for (const child of [...said.children]) if (!child.classList.contains("block")) child.remove();
    for (const old of [...said.children].slice(from)) old.remove();
    for (const each of html) {
      const block = document.createElement("div");
      block.className = "block";
      block.innerHTML = each;
      said.append(block);
      this.dress(block);
    }
    this.moveCaret(turn);
  }

  /**
   * The stored turn in the place of the growing one.
   * @param {string} answer
   * @param {string} html
   */
  end(answer, html) {
    const turn = this.of(answer);
    const stored = parsed(html);
    if (!turn || !stored) return;
    turn.replaceWith(stored);
    this.dress(stored);
  }

  /** A question on its way: shown at once, replaced by the turn when the server has stored it. @param {string} text */
  pend(text) {
    this.unpend();
    const turn = document.createElement("article");
    turn.className = "turn pending";
    const asked = document.createElement("div");
    asked.className = "asked";
    asked.dir = "auto";
    asked.textContent = text;
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = word("sending");
    turn.append(asked, note);
    this.place.append(turn);
  }

  unpend() {
    this.place.querySelector(".turn.pending")?.remove();
  }

  /** Puts the caret behind the last letter. @param {HTMLElement} turn */
  moveCaret(turn) {
    this.caret.remove();
    /** @type {Element | null} */
    let end = turn.querySelector(".said");
    for (let inner = lastBlock(end); inner; inner = lastBlock(inner)) end = inner;
    end?.append(this.caret);
  }

  /** The words of buttons that come with the answer. @param {Element} root */
  dress(root) {
    for (const button of root.querySelectorAll("[data-copy]")) button.textContent = word("copy");
  }
}
