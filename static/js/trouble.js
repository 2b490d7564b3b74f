// Trouble speaks in the conversation: a sentence and a remedy, never a dialog.

const place = document.getElementById("troubles");

/**
 * @param {string} sentence
 * @param {string} [remedy]
 */
export function showTrouble(sentence, remedy = "") {
  if (!place) return;
  const box = document.createElement("div");
  box.className = "trouble";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  const strong = document.createElement("b");
  strong.textContent = sentence;
  text.append(strong, remedy ? ` ${remedy}` : "");
  box.append(text);
  place.replaceChildren(box);
  box.scrollIntoView({ block: "nearest" });
}

export function clearTrouble() {
  place?.replaceChildren();
}
