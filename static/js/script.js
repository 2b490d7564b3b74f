// Runs before the page is drawn: tells the style sheet that scripts work here, and loses no press. A button that only a
// module answers does nothing until that module is here; a press that comes before is given to it then.
document.documentElement.classList.add("script");

/** @type {HTMLElement | null} */
let pressed = null;

/** @param {MouseEvent} press */
function keep(press) {
  const button = press.target instanceof Element && press.target.closest("button[type=button]:not([popovertarget])");
  if (!(button instanceof HTMLElement)) return;
  press.stopImmediatePropagation(); // a module that is here already would answer it twice
  pressed = button;
}

document.addEventListener("click", keep, true);
// All modules of the page have run when this comes.
document.addEventListener("DOMContentLoaded", () => {
  document.removeEventListener("click", keep, true);
  pressed?.click();
});
