// The page of the owner: the self-check is asked for until it has looked.
import { page } from "./server.js";

const SECONDS = 1.5;
const place = document.getElementById("findings");
if (place) wait(place);

/** @param {HTMLElement} place */
async function wait(place) {
  while (place.querySelector("[data-looking]")) {
    await new Promise((done) => setTimeout(done, SECONDS * 1000));
    const html = await page("/owner/checkup").catch(() => null);
    if (html !== null) place.innerHTML = html;
  }
}
