// Which voice reads a sentence. Pure: voices in, a voice out.

const SOCRATES = /socrat|sokrat|σωκρ|苏格拉底|蘇格拉底/i;
/** Scripts that tell the language of a sentence. @type {[RegExp, string][]} */
const SCRIPTS = [
  [/[\u3040-\u30ff]/, "ja"], [/[\uac00-\ud7af]/, "ko"], [/[\u4e00-\u9fff]/, "zh"], [/[\u0370-\u03ff]/, "el"], [/[\u0400-\u04ff]/, "ru"],
  [/[\u0590-\u05ff]/, "he"], [/[\u0600-\u06ff]/, "ar"], [/[\u0900-\u097f]/, "hi"], [/[\u0e00-\u0e7f]/, "th"],
];

/** @param {string} text @param {string} fallback the language of the page */
export function languageOf(text, fallback) {
  return SCRIPTS.find(([script]) => script.test(text))?.[1] ?? (/^(zh|ja|ko|el|ru|he|ar|hi|th)/.test(fallback) ? "en" : fallback);
}

/**
 * The best voice: of the language, of its region, on this machine, the one the system prefers; null when none fits.
 * Socrates speaks with a Greek voice where there is one.
 * @template {{lang: string, localService: boolean, default: boolean}} Voice
 * @param {Voice[]} voices
 * @param {string} language like en or zh-CN
 * @param {string} [role]
 * @returns {Voice | null}
 */
export function chooseVoice(voices, language, role = "") {
  if (SOCRATES.test(role)) {
    const greek = best(voices, "el");
    if (greek) return greek;
  }
  return best(voices, language);
}

/** @template {{lang: string, localService: boolean, default: boolean}} Voice @param {Voice[]} voices @param {string} language @returns {Voice | null} */
function best(voices, language) {
  const wanted = tag(language);
  const fitting = voices.filter((voice) => tag(voice.lang).split("-")[0] === wanted.split("-")[0]);
  const points = (/** @type {Voice} */ voice) =>
    (voice.localService ? 4 : 0) + (tag(voice.lang) === wanted ? 2 : 0) + (voice.default ? 1 : 0);
  return fitting.reduce((/** @type {Voice | null} */ first, voice) => (first && points(first) >= points(voice) ? first : voice), null);
}

/** Android writes en_US. @param {string} language */
function tag(language) {
  return language.replace("_", "-").toLowerCase();
}
