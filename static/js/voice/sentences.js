// The sentences that the voice modules say, by their key. Knows none of them: they come from the page, in its language.

/** @typedef {Map<string, string> | Record<string, string>} Words */

/**
 * A sentence; `{name}` in it is replaced by the value of that name. An unknown key gives "".
 * @param {Words} words
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function sentence(words, key, values = {}) {
  const found = (words instanceof Map ? words.get(key) : words[key]) ?? "";
  return found.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
