// A conversation is renamed where it stands in the list.
import { Refusal, page, post } from "./server.js";

/**
 * @param {HTMLAnchorElement} link
 * @param {{find: () => void, place: HTMLElement}} list
 */
export function rename(link, list) {
  const key = link.dataset.conversation ?? "";
  const before = link.querySelector("bdi")?.textContent ?? "";
  const form = document.createElement("form");
  form.className = "renaming";
  const input = document.createElement("input");
  input.value = before;
  input.maxLength = 100;
  input.required = true;
  input.dir = "auto";
  input.setAttribute("aria-label", input.value);
  form.append(input);
  link.hidden = true;
  link.before(form);
  input.select();
  input.focus();

  let open = true;
  /** @param {boolean} back whether the keyboard goes on in the list */
  const end = (back) => {
    if (!open) return; // what is removed loses the focus, and is told so
    open = false;
    form.remove();
    link.hidden = false;
    if (back) link.focus();
    list.find();
  };
  input.addEventListener("input", () => input.setCustomValidity(""));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Escape") return;
    event.preventDefault();
    end(true);
  });
  input.addEventListener("blur", () => !form.getAttribute("aria-busy") && input.validity.valid && end(false));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.setAttribute("aria-busy", "true");
    try {
      await send(key, before, input.value, link.dataset.version ?? "");
      const name = link.querySelector("bdi");
      if (name) name.textContent = input.value;
      end(true);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      input.setCustomValidity(refusal.sentence);
      input.reportValidity();
      if (refusal.status === 409) link.dataset.version = (await now(key)).version;
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

/**
 * An answer that has ended meanwhile makes another version, too: while the title is what it was, that is no reason to ask again.
 * @param {string} key
 * @param {string} before the title as the list shows it
 * @param {string} title
 * @param {string} version
 */
async function send(key, before, title, version) {
  try {
    await post(`/c/${key}/options`, { title, version });
  } catch (refusal) {
    if (!(refusal instanceof Refusal) || refusal.status !== 409) throw refusal;
    const there = await now(key);
    if (there.title !== before) throw refusal;
    await post(`/c/${key}/options`, { title, version: there.version });
  }
}

/** Title and version that the conversation has now, "" where they cannot be had. @param {string} key */
async function now(key) {
  const template = document.createElement("template");
  template.innerHTML = await page(`/c/${key}/manage?part=item`).catch(() => "");
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement | null} */ (template.content.querySelector(`[name=${name}]`))?.value ?? "";
  return { title: field("title"), version: field("version") };
}
