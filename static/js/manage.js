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

/** The parts that may have changed since the page was made. What was typed stays. @param {HTMLElement} box */
async function freshen(box) {
  const part = box.closest("#options") ? "own" : "item";
  const html = await page(`/c/${box.dataset.of}/manage?part=${part}`).catch(() => null);
  if (html === null) return;
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const then of template.content.querySelectorAll("[data-part]")) {
    const now = box.querySelector(`[data-part="${then.getAttribute("data-part")}"]`);
    if (now && now.innerHTML !== then.innerHTML) now.replaceChildren(...then.childNodes);
  }
  const version = /** @type {HTMLInputElement | null} */ (template.content.querySelector("[name=version]"))?.value ?? "";
  const all = document.querySelectorAll(`.manage[data-of="${CSS.escape(box.dataset.of ?? "")}"] [name=version]`);
  for (const field of all) /** @type {HTMLInputElement} */ (field).value = version;
}

/** @param {HTMLFormElement} form @param {HTMLElement} box @param {HTMLElement | null} button @param {List} list */
async function act(form, box, button, list) {
  if (form.getAttribute("aria-busy")) return;
  form.setAttribute("aria-busy", "true");
  box.querySelector(":scope > .trouble")?.remove();
  try {
    const reply = await post(form.getAttribute("action") ?? "", new FormData(form, button));
    if (form.dataset.manage === "delete") return gone(box, reply, list);
    if (form.dataset.manage === "share" || form.dataset.manage === "unshare") {
      await freshen(box);
      return;
    }
    /** @type {HTMLElement | null} */ (form.closest("[popover]"))?.hidePopover?.();
    list.find();
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    complain(box, refusal.sentence);
    if (refusal.status === 409) await freshen(box);
  } finally {
    form.removeAttribute("aria-busy");
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
