// Nobody is signed in here any more: this device was signed out elsewhere, or the person was removed. The page says so at once, and
// whoever does something by itself (streams, the microphone, speech) listens for it and ends. What was typed stays.

export const SIGNED_OUT = "signed-out"; // an event of the document
let told = false;

/** Safe to call often: the page says it once. */
export function signedOut() {
  if (told) return;
  told = true;
  show();
  document.dispatchEvent(new Event(SIGNED_OUT));
}

/** Whether the page has said so. */
export const saidSignedOut = () => told;

/** Whether an answer of the server says that nobody is signed in. @param {{status: number}} answer */
export function isSignedOut(answer) {
  if (answer.status !== 401) return false;
  signedOut();
  return true;
}

function show() {
  const { signedOut: sentence = "", signedOutRemedy = "", signIn = "" } = document.getElementById("side")?.dataset ?? {};
  const box = document.createElement("div");
  box.className = "trouble";
  box.id = "signed-out";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  const strong = document.createElement("b");
  strong.textContent = sentence;
  text.append(strong, ` ${signedOutRemedy}`);
  const link = document.createElement("a");
  link.className = "plain";
  link.href = `/enter?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = signIn;
  box.append(text, link);
  const troubles = document.getElementById("troubles");
  troubles?.replaceChildren(); // whatever stood there, this is why
  if (troubles) troubles.after(box);
  else document.querySelector("main .column, main")?.prepend(box);
  box.scrollIntoView({ block: "nearest" });
}
