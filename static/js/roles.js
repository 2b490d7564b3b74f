// Before the first question: the role that is chosen says its name at the top, and its questions to begin with.

export function listenToRoles() {
  document.addEventListener("change", ({ target }) => {
    if (target instanceof HTMLInputElement && target.name === "role") show(target);
  });
  const chosen = /** @type {HTMLInputElement | null} */ (document.querySelector('#options input[name="role"]:checked'));
  if (chosen && !chosen.defaultChecked) show(chosen); // a browser that comes back chooses again what was chosen
}

/** @param {HTMLInputElement} chosen */
function show(chosen) {
  for (const name of document.querySelectorAll("#role-name, .who bdi")) name.textContent = chosen.dataset.title ?? "";
  const place = document.getElementById("tries");
  if (!place) return;
  const own = read(chosen);
  place.replaceChildren(...(own.length ? own : read(place)).map(item));
}

/** @param {HTMLElement} element @returns {string[]} */
function read(element) {
  return JSON.parse(element.dataset.openings ?? "[]");
}

/** @param {string} opening */
function item(opening) {
  const button = document.createElement("button");
  button.className = "try";
  button.setAttribute("form", "try");
  button.name = "question";
  button.value = button.textContent = opening;
  const place = document.createElement("li");
  place.append(button);
  return place;
}
