// The keys of the page. Letters act only where nobody is typing.

/** @param {EventTarget | null} target */
function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/**
 * @param {{focus: () => void, escape: () => boolean, editLast: () => boolean}} page `escape` stops or cancels, `editLast` opens the
 *   last question; both say whether there was anything
 */
export function listenToKeys(page) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.defaultPrevented) return;
    const { target } = event;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") {
      if (!document.querySelector(":popover-open") && page.escape()) event.preventDefault();
    } else if (command && event.shiftKey && event.key.toLowerCase() === "o") {
      event.preventDefault();
      location.assign("/");
    } else if (event.key === "ArrowUp" && target instanceof HTMLTextAreaElement && target.id === "question" && !target.value) {
      if (page.editLast()) event.preventDefault();
    } else if (command || event.altKey || typing(target)) {
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
