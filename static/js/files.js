// Files of a conversation: chosen, dropped on the page or pasted, sent one after the other, and removed.
import { tell } from "./announce.js";
import { showFiles } from "./memory.js";
import { Refusal, post } from "./server.js";
import { clearTrouble, showTrouble } from "./trouble.js";
import { word } from "./words.js";

const SOUND = /^(audio|video)\//;

/** @param {DataTransfer | null} given */
const filesOf = (given) => [...(given?.files ?? [])];

export class Files {
  /**
   * @param {HTMLElement} place where they are listed
   * @param {HTMLInputElement} input
   * @param {{
   *   address: () => string,
   *   fields: () => [string, string][],
   *   arrived: (reply: any) => void,
   *   hear: (file: File) => void,
   * }} page `fields` go along with the first file of a conversation that is not made yet; a recording is heard instead
   */
  constructor(place, input, page) {
    this.place = place;
    this.input = input;
    this.page = page;
    /** @type {Promise<void>} one at a time, in their order */
    this.line = Promise.resolve();
    input.addEventListener("change", () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      this.take(files);
    });
    place.addEventListener("submit", (event) => {
      event.preventDefault();
      this.remove(/** @type {HTMLFormElement} */ (event.target));
    });
    this.listenToDrops();
    document.addEventListener("paste", (event) => {
      const files = filesOf(event.clipboardData);
      if (!files.length || event.clipboardData?.types.includes("text/plain")) return; // a cell of a table is text and a picture
      event.preventDefault();
      this.take(files.map(named));
    });
  }

  listenToDrops() {
    let inside = 0;
    /** @param {DragEvent} event */
    const withFiles = (event) => event.dataTransfer?.types.includes("Files");
    /** @param {number} number */
    const show = (number) => {
      inside = Math.max(0, number);
      document.body.classList.toggle("dropping", inside > 0);
    };
    document.addEventListener("dragenter", (event) => withFiles(event) && show(inside + 1));
    document.addEventListener("dragleave", (event) => withFiles(event) && show(inside - 1));
    document.addEventListener("dragover", (event) => withFiles(event) && event.preventDefault());
    document.addEventListener("drop", (event) => {
      if (!withFiles(event)) return;
      event.preventDefault();
      show(0);
      this.take(filesOf(event.dataTransfer));
    });
  }

  /** @param {File[]} files */
  take(files) {
    if (!files.length) return;
    clearTrouble();
    const sound = files.find((file) => SOUND.test(file.type));
    if (sound && files.length === 1) return this.page.hear(sound);
    for (const file of files) if (!SOUND.test(file.type)) this.line = this.line.then(() => this.send(file));
  }

  /** @param {File} file */
  async send(file) {
    const megabytes = Number(this.input.dataset.megabytes);
    if (file.size > megabytes * 1e6) return showTrouble(word("too-large", { megabytes }), word("smaller-file"));
    const coming = this.showComing(file);
    const form = new FormData();
    form.append("attached", file);
    for (const [name, value] of this.page.fields()) form.append(name, value);
    tell(word("attaching", { name: file.name }));
    try {
      const reply = await post(this.page.address(), form);
      showFiles(reply.files_html);
      this.page.arrived(reply);
      tell(word("attached", { name: file.name }));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      showTrouble(refusal.sentence, word("not-attached", { name: file.name }));
    } finally {
      coming.remove();
      const list = this.place.querySelector(".coming");
      if (list && !list.children.length) list.remove();
    }
  }

  /** @param {File} file */
  showComing(file) {
    let list = this.place.querySelector(".coming");
    if (!list) {
      list = document.createElement("ul");
      list.className = "files coming";
      this.place.append(list);
    }
    const row = document.createElement("li");
    row.className = "file";
    const name = document.createElement("bdi");
    name.textContent = word("attaching", { name: file.name });
    row.append(name, document.createElement("progress"));
    list.append(row);
    return row;
  }

  /** @param {HTMLFormElement} form */
  async remove(form) {
    clearTrouble();
    try {
      const reply = await post(form.getAttribute("action") ?? "");
      showFiles(reply.files_html);
      tell(word("removed"));
      this.page.arrived(reply);
    } catch (refusal) {
      if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
      else throw refusal;
    }
  }
}

/** What is pasted has no name of its own, or the same one each time. @param {File} file */
function named(file) {
  if (file.name && !/^image\.\w+$/.test(file.name)) return file;
  const ending = file.type.split("/")[1]?.replace(/\W.*/, "") || "bin";
  return new File([file], `${word("pasted")} ${new Date().toTimeString().slice(0, 8).replaceAll(":", ".")}.${ending}`, { type: file.type });
}
