// Passkeys: signing in with one, and adding one. The server makes the options and looks at the answer; this module only carries
// them between it and the browser. Everything that it says stands in the attributes of its part of the page.
import { Refusal, post } from "./server.js";

/** @param {string} text base64url */
function bytes(text) {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer @returns {string} base64url */
function text(buffer) {
  const letters = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** @param {{id: string, type: string, transports?: string[]}} credential */
const described = (credential) => ({ ...credential, id: bytes(credential.id) });

/** What navigator.credentials takes, of what the server sent. @param {any} options */
function ready(options) {
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  for (const name of ["excludeCredentials", "allowCredentials"]) made[name] = (options[name] ?? []).map(described);
  return made;
}

/** What the server takes, of what the browser made. @param {PublicKeyCredential} credential */
function packed(credential) {
  const given = /** @type {any} */ (credential.response);
  /** @type {Record<string, any>} */
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (given[name]) response[name] = text(given[name]);
  }
  response.transports = given.getTransports?.() ?? [];
  const { id, type } = credential;
  return JSON.stringify({
    id, type, rawId: text(credential.rawId), response, clientExtensionResults: credential.getClientExtensionResults(),
  });
}

/** @param {HTMLElement} place @param {string} sentence */
function tell(place, sentence) {
  const told = /** @type {HTMLElement} */ (place.querySelector(".told"));
  told.textContent = sentence;
  told.hidden = !sentence;
}

/** Runs one of the two, and tells what went wrong in its part of the page. @param {HTMLElement} place @param {() => Promise<void>} act */
async function trying(place, act) {
  const { unable = "", closed = "", known = "", unreachable = "" } = place.dataset;
  if (!window.PublicKeyCredential) return tell(place, unable);
  const button = /** @type {HTMLButtonElement} */ (place.querySelector("button"));
  tell(place, "");
  button.disabled = true;
  try {
    await act();
  } catch (error) {
    if (error instanceof Refusal) tell(place, error.status ? error.sentence : unreachable);
    else if (error instanceof DOMException) tell(place, error.name === "InvalidStateError" && known ? known : closed);
    else throw error;
  } finally {
    button.disabled = false;
  }
}

/** @param {HTMLElement} place */
async function signIn(place) {
  const publicKey = ready(await post("/passkey/options"));
  const credential = /** @type {PublicKeyCredential} */ (await navigator.credentials.get({ publicKey }));
  const { url } = await post("/passkey/signin", { credential: packed(credential), next: place.dataset.next ?? "/" });
  location.assign(url);
}

/** @param {HTMLFormElement} form */
async function add(form) {
  const publicKey = ready(await post("/passkey/new"));
  const credential = /** @type {PublicKeyCredential} */ (await navigator.credentials.create({ publicKey }));
  const name = /** @type {HTMLInputElement} */ (form.elements.namedItem("name")).value;
  await post("/passkey/register", { credential: packed(credential), name });
  location.reload();
}

for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-passkey]"))) {
  if (place instanceof HTMLFormElement) {
    place.addEventListener("submit", (event) => {
      event.preventDefault();
      trying(place, () => add(place));
    });
  } else {
    place.querySelector("button")?.addEventListener("click", () => trying(place, () => signIn(place)));
  }
}
