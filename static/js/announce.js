// What a screen reader hears: finished sentences, and short notes about what happened. Never the growing answer itself.

const MOST_SENTENCES = 30;

/** @param {string} text a finished sentence of the answer */
export function announce(text) {
  const place = document.getElementById("announced");
  if (!place || !text) return;
  const line = document.createElement("p");
  line.textContent = text;
  line.dir = "auto";
  place.append(line);
  while (place.childElementCount > MOST_SENTENCES) place.firstElementChild?.remove();
}

/** @param {string} text a note that replaces the one before */
export function tell(text) {
  const place = document.getElementById("told");
  if (place) place.textContent = text;
}
