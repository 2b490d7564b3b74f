// Asking the server: forms go out, JSON or a page comes back, and every refusal is a sentence with a remedy.
import { isSignedOut } from "./signed_out.js";
import { word } from "./words.js";

/** What the server refused, or that it could not be reached. */
export class Refusal extends Error {
  /**
   * @param {string} sentence
   * @param {string} [remedy]
   * @param {number} [status] HTTP status; 0 when nothing came back
   */
  constructor(sentence, remedy = "", status = 0) {
    super(sentence);
    this.sentence = sentence;
    this.remedy = remedy;
    this.status = status;
  }
}

/**
 * Sends a form and returns the JSON of the reply. Throws Refusal.
 * @param {string} path
 * @param {Record<string, string> | FormData} [fields]
 * @returns {Promise<any>}
 */
export async function post(path, fields = {}) {
  const body = fields instanceof FormData ? fields : new URLSearchParams(fields);
  let response;
  try {
    response = await fetch(path, { method: "POST", body, headers: { Accept: "application/json" } });
  } catch {
    throw new Refusal(word("unreachable"));
  }
  isSignedOut(response);
  const reply = await response.json().catch(() => null);
  if (!response.ok || reply === null) {
    throw new Refusal(reply?.error?.message ?? word("strange"), "", response.status);
  }
  return reply;
}

/**
 * A page or a fragment of one as text. Throws Refusal.
 * @param {string} path
 */
export async function page(path) {
  let response;
  try {
    response = await fetch(path, { headers: { Accept: "text/html" } });
  } catch {
    throw new Refusal(word("unreachable"));
  }
  isSignedOut(response);
  if (!response.ok) throw new Refusal(word("strange"), "", response.status);
  return response.text();
}
