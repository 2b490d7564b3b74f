// Asks the browser for a microphone. What goes wrong becomes a Trouble with the key of its sentence.
import { obstacle, troubleOf } from "./troubles.js";

export class Trouble extends Error {
  /** @param {string} key */
  constructor(key) {
    super(key);
    this.key = key;
  }
}

const WISHES = { audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } };

/** @returns {Promise<MediaStream>} Throws Trouble. */
export async function openMicrophone() {
  const surroundings = look();
  const key = obstacle(surroundings);
  if (key) throw new Trouble(key);
  try {
    return await navigator.mediaDevices.getUserMedia(WISHES);
  } catch (error) {
    throw new Trouble(troubleOf(/** @type {Error} */ (error), { ...surroundings, permission: await permission() }));
  }
}

/** @returns {import("./troubles.js").Surroundings} */
function look() {
  const policy = /** @type {any} */ (document).permissionsPolicy ?? /** @type {any} */ (document).featurePolicy;
  return {
    secure: isSecureContext,
    available: Boolean(navigator.mediaDevices?.getUserMedia),
    allowed: policy?.allowsFeature?.("microphone") ?? true,
  };
}

async function permission() {
  try {
    return (await navigator.permissions.query({ name: /** @type {PermissionName} */ ("microphone") })).state;
  } catch {
    return ""; // a browser that does not tell
  }
}
