// Pages that have no conversation: the list at their side, and signing out, which leaves nothing that was typed.
import { forgetDrafts } from "./drafts.js";
import { List } from "./list.js";

const place = document.getElementById("list");
const search = document.getElementById("search");
if (place && search instanceof HTMLInputElement) new List(place, search);

const LEAVING = ["/leave", "/oidc/out", "/session_out"];
document.addEventListener("submit", (event) => {
  const path = /** @type {HTMLFormElement} */ (event.target).getAttribute("action") ?? "";
  if (LEAVING.includes(path)) forgetDrafts();
});
