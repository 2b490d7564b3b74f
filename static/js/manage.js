// What can be done with a conversation as a whole, from its menu in the list and from its own panel, without leaving the page.
import { tell } from "./announce.js";
import { Refusal, page, post } from "./server.js";
import { showUndo } from "./undo.js";

/**
 * @typedef {{place: HTMLElement, current: string, find: () => void, links: HTMLAnchorElement[]}} List
 * @param {List} list
 */
export function listenToManaging(list) {
  const menu = /** @type {HTMLElement} */ (document.getElementById("item-menu"));
  list.place.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    if (!form.action.endsWith("/manage") || !menu.showPopover) return;
    event.preventDefault();
    open(menu, form);
  });
  document.getElementById("options")?.addEventListener("toggle", (event) => {
    const box = /** @type {HTMLElement | null} */ (document.querySelector("#options .manage"));
    if (box && /** @type {ToggleEvent} */ (event).newState === "open") freshen(box);
  });
  document.addEventListener("submit", (event) => {
    const form = /** @type {HTMLFormElement} */ (event.target);
    const box = /** @type {HTMLElement | null} */ (form.closest(".manage[data-of]"));
    if (!form.dataset.manage || !box) return;
    event.preventDefault();
    act(form, box, /** @type {HTMLElement | null} */ (event.submitter), list);
  });
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest("[data-copy-link]");
    if (button instanceof HTMLElement) copy(button);
  });
}

/** @param {HTMLElement} menu @param {HTMLFormElement} form of an item of the list */
async function open(menu, form) {
  const html = await page(`${form.action}?part=item`).catch(() => null);
  if (html === null) return form.submit();
  const content = /** @type {HTMLElement} */ (menu.querySelector(".content"));
  content.innerHTML = html;
  const title = content.querySelector("[data-title]")?.getAttribute("data-title") ?? "";
  menu.querySelector("h2")?.replaceChildren(title);
  const { top, right } = form.getBoundingClientRect();
  menu.style.setProperty("--left", `${right}px`);
  menu.showPopover();
  menu.style.setProperty("--top", `${Math.max(8, Math.min(top, innerHeight - menu.scrollHeight - 12))}px`);
  /** @type {HTMLInputElement | null} */ (content.querySelector("input[name=title]"))?.focus();
}

/** @type {WeakMap<HTMLElement, Promise<boolean>>} what is on its way for a panel */
const coming = new WeakMap();

/** The parts that may have changed since the page was made; what was typed stays. @param {HTMLElement} box */
function freshen(box) {
  const done = fetchParts(box);
  coming.set(box, done);
  return done;
}

/** @param {HTMLElement} box @returns {Promise<boolean>} whether title and pin are as the panel showed them */
async function fetchParts(box) {
  const part = box.closest("#options") ? "own" : "item";
  const html = await page(`/c/${box.dataset.of}/manage?part=${part}`).catch(() => null);
  if (html === null) return false;
  const template = document.createElement("template");
  template.innerHTML = html;
  const same = shown(box) === shown(template.content);
  for (const then of template.content.querySelectorAll("[data-part]")) {
    const now = box.querySelector(`[data-part="${then.getAttribute("data-part")}"]`);
    if (now && now.innerHTML !== then.innerHTML) now.replaceChildren(...then.childNodes);
  }
  const version = /** @type {HTMLInputElement | null} */ (template.content.querySelector("[name=version]"))?.value ?? "";
  const all = document.querySelectorAll(`.manage[data-of="${CSS.escape(box.dataset.of ?? "")}"] [name=version]`);
  for (const field of all) /** @type {HTMLInputElement} */ (field).value = version;
  return same;
}

/** @param {ParentNode} box */
function shown(box) {
  const title = /** @type {HTMLInputElement | null} */ (box.querySelector("input[name=title]"))?.defaultValue;
  return JSON.stringify([title, /** @type {HTMLButtonElement | null} */ (box.querySelector("[name=pinned]"))?.value]);
}

/** @param {HTMLFormElement} form @param {HTMLElement} box @param {HTMLElement | null} button @param {List} list */
async function act(form, box, button, list) {
  if (form.getAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  box.querySelector(":scope > .trouble")?.remove();
  const what = form.dataset.manage ?? "";
  try {
    await (coming.get(/** @type {HTMLElement} */ (document.querySelector("#options .manage") ?? box)) ?? coming.get(box));
    const reply = await send(form, box, button, what === "rename" || what === "pin");
    if (what === "delete") return gone(box, reply, list);
    if (what === "share" || what === "unshare") {
      await freshen(box);
      return;
    }
    /** @type {HTMLElement | null} */ (form.closest("[popover]"))?.hidePopover?.();
    list.find();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    complain(box, refusal.sentence);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/**
 * Sends the form. An answer that has ended meanwhile makes another version, too: where title and pin are what they were, that is
 * no reason to ask again.
 * @param {HTMLFormElement} form @param {HTMLElement} box @param {HTMLElement | null} button @param {boolean} again
 * @returns {Promise<any>}
 */
async function send(form, box, button, again) {
  const fields = new FormData(form);
  if (button instanceof HTMLButtonElement && button.name) fields.set(button.name, button.value);
  try {
    return await post(form.getAttribute("action") ?? "", fields);
  } catch (refusal) {
    if (!(refusal instanceof Refusal) || refusal.status !== 409) throw refusal;
    const same = await freshen(box);
    if (!same || !again) throw refusal;
    return send(form, box, button, false);
  }
}

/** @param {HTMLElement} box @param {any} reply @param {List} list */
function gone(box, reply, list) {
  const key = box.dataset.of ?? "";
  if (key === list.current) return location.assign(reply.url);
  const place = list.links.findIndex((link) => link.dataset.conversation === key);
  /** @type {HTMLElement | null} */ (box.closest("[popover]"))?.hidePopover?.();
  (list.links[place + 1] ?? list.links[place - 1])?.focus();
  list.links[place]?.closest("li")?.remove();
  showUndo(reply.undo_html);
  list.find();
}

/** @param {HTMLElement} box @param {string} sentence */
function complain(box, sentence) {
  const trouble = document.createElement("div");
  trouble.className = "trouble";
  trouble.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = sentence;
  trouble.append(text);
  box.prepend(trouble);
}

/** @param {HTMLElement} button */
async function copy(button) {
  const field = button.parentElement?.querySelector("input");
  field?.select();
  const done = await navigator.clipboard?.writeText(field?.value ?? "").then(() => true, () => false);
  const said = (done ? button.dataset.done : button.dataset.trouble) ?? "";
  tell(said);
  const label = /** @type {ChildNode} */ (button.lastChild);
  const before = label.textContent;
  label.textContent = said;
  setTimeout(() => (label.textContent = before), 2000);
}
