// Brings a part of the page up to date in its place: what did not change stays as it is, with its focus, what was typed and what
// was opened.

const PERSON = new Set(["open"]); // what a person did is not undone

/** @param {Node} node */
const key = (node) => (node instanceof Element ? node.id || node.getAttribute("data-key") || "" : "");

/** @param {Node} one @param {Node} other */
const alike = (one, other) => one.nodeName === other.nodeName && key(one) === key(other);

/**
 * Makes `now` what `then` is.
 * @param {Element} now in the page
 * @param {Element} then parsed anew; its parts may move into the page
 */
export function morph(now, then) {
  const focused = document.activeElement;
  if (alike(now, then)) update(now, then);
  else now.replaceWith(then);
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true });
  }
}

/** @param {Node} now @param {Node} then */
function update(now, then) {
  if (!(now instanceof Element) || !(then instanceof Element)) {
    if (now.nodeValue !== then.nodeValue) now.nodeValue = then.nodeValue;
    return;
  }
  if (now.isEqualNode(then)) return;
  for (const { name } of [...now.attributes]) {
    if (!then.hasAttribute(name) && !PERSON.has(name)) now.removeAttribute(name);
  }
  for (const { name, value } of then.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  children(now, then);
}

/** @param {Element} now @param {Element} then */
function children(now, then) {
  let place = now.firstChild;
  for (const wanted of [...then.childNodes]) {
    let found = place;
    while (found && !alike(found, wanted)) found = found.nextSibling;
    if (!found) {
      now.insertBefore(wanted, place);
      continue;
    }
    if (found === place) place = place.nextSibling;
    else now.insertBefore(found, place);
    update(found, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}
