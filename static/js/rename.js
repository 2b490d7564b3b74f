// A conversation is renamed where it stands in the list.
import { Refusal, page, post } from "./server.js";

/**
 * @param {HTMLAnchorElement} link
 * @param {{find: () => void, place: HTMLElement}} list
 */
export function rename(link, list) {
  const key = link.dataset.conversation ?? "";
  const form = document.createElement("form");
  form.className = "renaming";
  const input = document.createElement("input");
  input.value = link.querySelector("bdi")?.textContent ?? "";
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
      await post(`/c/${key}/options`, { title: input.value, version: link.dataset.version ?? "" });
      const name = link.querySelector("bdi");
      if (name) name.textContent = input.value;
      end(true);
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      input.setCustomValidity(refusal.sentence);
      input.reportValidity();
      if (refusal.status === 409) link.dataset.version = await versionOf(key);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

/** The version that the conversation has now. @param {string} key */
async function versionOf(key) {
  const template = document.createElement("template");
  template.innerHTML = await page(`/c/${key}/manage?part=item`).catch(() => "");
  return /** @type {HTMLInputElement | null} */ (template.content.querySelector("[name=version]"))?.value ?? "";
}
