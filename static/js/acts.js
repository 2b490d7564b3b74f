// What is done with the turns that are there, asked of the server. What it brings comes back through the stream, to every tab.
import { tell } from "./announce.js";
import { post } from "./server.js";
import { showFeedback, showPin } from "./turn.js";
import { word } from "./words.js";

/**
 * @param {{
 *   turns: import("./answer.js").Turns,
 *   here: () => string,
 *   begin: () => void,
 *   arrived: (reply: any) => void,
 *   resync: (version: number) => Promise<void>,
 * }} page `here` is the address of the conversation
 * @returns {(act: string, fields: FormData, turn: HTMLElement, button: HTMLElement | null) => Promise<void>}
 */
export function acts(page) {
  /** @param {string} act @param {FormData} fields @param {HTMLElement} turn */
  async function answer(act, fields, turn) {
    page.begin();
    const reply = await post(`${page.here()}/${act}`, fields);
    turn.querySelector("details.edit")?.removeAttribute("open");
    if (act !== "on") page.arrived(reply); // an answer that is gone on with is on the page already
  }

  /** @param {FormData} fields @param {HTMLElement | null} button */
  async function show(fields, button) {
    const step = button?.dataset.step;
    const { conversation, message } = await post(`${page.here()}/show`, fields);
    await page.resync(conversation.version);
    const id = CSS.escape(message);
    const turn = page.turns.place.querySelector(`[data-question="${id}"], [data-answer="${id}"]`);
    const part = turn?.getAttribute("data-question") === message ? ".of-question" : ".of-answer";
    const versions = turn?.querySelector(`${part} .versions`);
    const buttons = [...(versions?.querySelectorAll("button:not(:disabled)") ?? [])];
    const same = buttons.find((each) => each.getAttribute("data-step") === step) ?? buttons[0];
    /** @type {HTMLElement | undefined} */ (same)?.focus({ preventScroll: true });
    turn?.scrollIntoView({ block: "nearest" });
    const [number, count] = versions?.querySelector("span[aria-hidden]")?.textContent?.split("/") ?? [];
    if (number) tell(word("version", { number: number.trim(), count: count.trim() }));
  }

  return async function act(name, fields, turn, button) {
    if (name === "show") return show(fields, button);
    if (!["pin", "feedback"].includes(name)) return answer(name, fields, turn);
    const { pinned, feedback } = await post(`${page.here()}/${name}`, fields);
    if (name === "pin") showPin(turn, pinned);
    else showFeedback(turn, feedback);
    tell(word(name === "feedback" ? "thanks" : pinned ? "pinned" : "unpinned"));
  };
}
