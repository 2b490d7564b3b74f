// What was typed and not sent yet, kept in the tab: each person's under a name of their own, so that nobody who signs in after them
// sees it.
const FIRST = "draft ";

/** @param {string} whose the person, "" where there are no persons @param {string} place a conversation's id, or "new" */
export const draftKey = (whose, place) => `${FIRST}${whose ? `${whose} ` : ""}${place}`;

/** @param {string} key @returns {string} */
export function readDraft(key) {
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return ""; // The browser keeps nothing.
  }
}

/** @param {string} key @param {string} text "" takes it away */
export function keepDraft(key, text) {
  try {
    if (text) sessionStorage.setItem(key, text);
    else sessionStorage.removeItem(key);
  } catch {
    // The browser keeps nothing: the text still stands in the box.
  }
}

/** Everything that anybody left in this tab. */
export function forgetDrafts() {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(FIRST)) sessionStorage.removeItem(key);
  } catch {
    // There is nothing.
  }
}
