// Sends a recording to the server and brings its words back.
import { isSignedOut } from "../signed_out.js";

/** @typedef {{text: string, language: string, language_name: string, seconds: number, took: number, sentence: string}} Transcript */

/** The server refused, or could not be reached. `again` says whether the same recording may be sent again with hope. */
export class Failure extends Error {
  /** @param {string} sentence "" when the server said nothing @param {boolean} again */
  constructor(sentence, again) {
    super(sentence);
    this.sentence = sentence;
    this.again = again;
  }
}

const HOPELESS = new Set([400, 413, 415, 422]); // it is the recording itself that is wrong

/**
 * @param {Blob} blob
 * @param {AbortSignal} signal
 * @returns {Promise<Transcript>} Throws Failure, or an AbortError when `signal` is aborted.
 */
export async function transcribe(blob, signal) {
  const form = new FormData();
  form.append("file", blob, "recording");
  let response;
  let reply;
  try {
    response = await fetch("/transcribe", { method: "POST", body: form, headers: { Accept: "application/json" }, signal });
    reply = await response.json().catch((error) => {
      if (signal.aborted) throw error;
      return null;
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Failure("", true);
  }
  isSignedOut(response);
  if (!response.ok) throw new Failure(reply?.error?.message ?? "", !HOPELESS.has(response.status));
  if (typeof reply?.text !== "string") throw new Failure("", true);
  return reply;
}
