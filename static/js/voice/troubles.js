// What keeps a microphone from being heard, as the key of a sentence (its remedy has the same key with "-remedy").
// A pure table: knows no page and asks no browser.

/**
 * What is known of the surroundings when something failed.
 * @typedef {object} Surroundings
 * @property {boolean} [secure] the page is a secure context
 * @property {boolean} [available] the browser offers microphones to this page
 * @property {boolean} [allowed] the site's own policy allows a microphone
 * @property {string} [permission] "granted", "denied" or "prompt", as far as the browser tells
 */

/** @type {Record<string, string>} names that browsers have given the same things over the years */
const KEYS = {
  NotFoundError: "voice-no-device",
  DevicesNotFoundError: "voice-no-device",
  OverconstrainedError: "voice-no-device",
  NotReadableError: "voice-busy",
  TrackStartError: "voice-busy",
  AbortError: "voice-busy",
  InvalidStateError: "voice-busy",
  NotSupportedError: "voice-no-codec",
  NoCodec: "voice-no-codec",
};

/**
 * The key of what is wrong before anybody is asked for a microphone; "" when nothing is.
 * @param {Surroundings} surroundings
 */
export function obstacle({ secure = true, available = true, allowed = true }) {
  if (!secure) return "voice-insecure";
  if (!allowed) return "voice-policy";
  return available ? "" : "voice-unsupported";
}

/**
 * The key of what an error of the browser means.
 * @param {{name?: string, message?: string}} error
 * @param {Surroundings} [surroundings]
 */
export function troubleOf(error, surroundings = {}) {
  const before = obstacle(surroundings);
  if (before) return before;
  const name = error.name ?? "";
  if (["NotAllowedError", "SecurityError", "PermissionDeniedError", "PermissionDismissedError"].includes(name)) {
    return refusal(name, error.message ?? "", surroundings.permission ?? "");
  }
  return KEYS[name] ?? "voice-failed";
}

/** @param {string} name @param {string} message @param {string} permission */
function refusal(name, message, permission) {
  if (/by system/i.test(message)) return "voice-denied-system";
  if (permission === "prompt" || name === "PermissionDismissedError" || /dismissed/i.test(message)) return "voice-dismissed";
  return "voice-denied";
}
