// The turns on the page: a new one comes in, its answer grows block by block, and at its end the stored turn takes its place.
import { focusIn, lastBlock, parsed, showFeedback, showPin, unfinished } from "./turn.js";
import { hideWaiting } from "./waiting.js";
import { word } from "./words.js";

export class Turns {
  /** @param {HTMLElement} place @param {(texts: string[]) => void} lost what was being typed in a turn that left */
  constructor(place, lost) {
    this.place = place;
    this.lost = lost;
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
   * A turn that began: it follows the message with the number `after`, and whatever stood behind that leaves. One that is here and
   * grows stays as it is.
   * @param {string} html
   * @param {number} after
   */
  insert(html, after) {
    const turn = parsed(html);
    if (!turn) return;
    const there = this.of(turn.dataset.answer ?? "");
    const stays = there?.classList.contains("streaming") ? there : null;
    const leaving = [...this.place.querySelectorAll(".turn[data-number]")].filter(
      (old) => old !== stays && Number(old.getAttribute("data-number")) > after,
    );
    const typed = unfinished(leaving);
    for (const old of leaving) old.remove();
    if (!stays) this.append(turn);
    this.rescue(typed);
  }

  /** @param {HTMLElement} turn */
  append(turn) {
    this.unpend();
    for (const old of this.place.querySelectorAll(".turn.last")) {
      old.classList.remove("last");
      for (const mark of old.querySelectorAll(".only-last")) mark.remove();
    }
    document.getElementById("welcome")?.remove();
    this.place.append(turn);
    this.dress(turn);
    if (turn.classList.contains("streaming")) this.moveCaret(turn);
  }

  /**
   * The answer's blocks from number `from` on are these.
   * @param {{answer: string, from: number, html: string[]}} event
   */
  grow({ answer, from, html }) {
    const turn = this.of(answer);
    const said = turn?.querySelector(".said");
    if (!turn || !said || !turn.classList.contains("streaming")) return;
    hideWaiting(turn);
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
    const typed = unfinished([turn]);
    const focus = focusIn(turn);
    turn.replaceWith(stored);
    this.dress(stored);
    this.rescue(typed);
    if (focus) /** @type {HTMLElement | null} */ (stored.querySelector(focus))?.focus({ preventScroll: true });
  }

  /**
   * A question that was being edited while its turn was put in anew is open again; of a turn that left, the page is told.
   * @param {Map<string, string>} typed
   */
  rescue(typed) {
    const lost = [];
    for (const [question, text] of typed) {
      const details = this.place.querySelector(`[data-question="${CSS.escape(question)}"] details.edit`);
      const box = details?.querySelector("textarea");
      if (details instanceof HTMLDetailsElement && box) {
        box.value = text;
        details.open = true;
      } else if (text.trim()) {
        lost.push(text);
      }
    }
    if (lost.length) this.lost(lost);
  }

  /** The turns of a page that was fetched anew. @param {Iterable<Node>} nodes */
  replace(nodes) {
    const typed = unfinished([...this.place.querySelectorAll(".turn")]);
    this.place.replaceChildren(...nodes);
    this.dress(this.place);
    this.rescue(typed);
  }

  /** What people marked: pinned turns, good and bad answers. @param {{start: number, pinned: string[], up: string[], down: string[]}} marks */
  mark({ start, pinned, up, down }) {
    for (const turn of this.place.querySelectorAll(".turn[data-number]")) {
      const { number, question = "", answer = "" } = /** @type {HTMLElement} */ (turn).dataset;
      if (Number(number) < start) continue;
      const held = pinned.includes(question) || pinned.includes(answer);
      showPin(turn, held, pinned.includes(question) || !held ? question : answer);
      showFeedback(turn, up.includes(answer) ? "up" : down.includes(answer) ? "down" : "");
    }
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
