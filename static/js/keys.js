// The keys of the page. Letters act only where nobody is typing.

/** @param {EventTarget | null} target */
function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/**
 * @param {{focus: () => void, escape: () => boolean}} page `escape` stops or cancels, and says whether there was anything
 */
export function listenToKeys(page) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") {
      if (!document.querySelector(":popover-open") && page.escape()) event.preventDefault();
    } else if (command && event.shiftKey && event.key.toLowerCase() === "o") {
      event.preventDefault();
      location.assign("/");
    } else if (command || event.altKey || typing(event.target)) {
      return;
    } else if (event.key === "/") {
      event.preventDefault();
      page.focus();
    } else if (event.key === "?") {
      event.preventDefault();
      document.getElementById("keys")?.togglePopover();
    }
  });
}
