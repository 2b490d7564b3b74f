// The page of a conversation, better with script: answers stream in, Stop is at hand, nothing reloads. This module only
// brings the others together.
import { acts } from "./acts.js";
import { Turns } from "./answer.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { listenToEarlier } from "./earlier.js";
import { Files } from "./files.js";
import { refresh } from "./fresh.js";
import { closeTurns, showGone } from "./gone.js";
import { listenToKeys } from "./keys.js";
import { List } from "./list.js";
import { listenToMarks } from "./marks.js";
import { showMemory } from "./memory.js";
import { listenToMenu } from "./menu.js";
import { Speaks, listenToOptions } from "./options.js";
import { news } from "./news.js";
import { Follow } from "./scroll.js";
import { Refusal, post } from "./server.js";
import { SIGNED_OUT } from "./signed_out.js";
import { showTrouble } from "./trouble.js";
import { Voices } from "./voices.js";
import { word } from "./words.js";

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const form = (id) => /** @type {HTMLFormElement} */ (document.getElementById(id));

const main = element("main");
let conversation = main.dataset.conversation ?? "";
const here = () => `/c/${conversation}`;
const older = new URLSearchParams(location.search).has("before"); // a page of earlier turns: what is new stands elsewhere
const turns = new Turns(element("turns"), (texts) => {
  composer.setText([composer.getText().trim(), ...texts].filter(Boolean).join("\n"));
  showTrouble(word("changed-elsewhere"), word("kept"));
});
const talk = element("talk");
const follow = new Follow(talk, /** @type {HTMLElement} */ (turns.place.parentElement), element("newer"));
const list = new List(element("list"), /** @type {HTMLInputElement} */ (element("search")));
const composer = new Composer(form("composer"), ask);
const voices = new Voices(composer);
const speaks = new Speaks(form("speaks"), main.dataset.speaks === "on", (on) => voices.allow(on));
const files = new Files(element("files"), /** @type {HTMLInputElement} */ (element("attached")), {
  address: () => (conversation ? `${here()}/files` : "/files"),
  fields: () => (conversation ? [] : chosen()),
  arrived(reply) {
    if (conversation) return showMemory(turns.place, reply);
    moveTo(reply, "0");
  },
  hear: (file) => composer.hear(file),
});
const connection = new Connection(main, turns, {
  here: () => (conversation ? here() : ""),
  older,
  handle: (name, data) => handlers[name](data),
  back: () => list.find(),
  shown: showRunning,
});

const handlers = news({
  turns, older, list, speaks, main, showRunning,
  resync: (version) => connection.resync(version),
  sentence: (sentence) => voices.sentence(sentence, speaks.on),
  gone() {
    if (!connection.end()) return;
    voices.silence();
    showGone(conversation, turns, composer);
    showRunning();
    list.find();
  },
});

document.addEventListener(SIGNED_OUT, () => {
  connection.end();
  voices.close();
  closeTurns(turns);
  composer.close();
  showRunning();
});

// turns

/** What was chosen before the first question. @returns {[string, string][]} */
function chosen() {
  const given = new FormData(composer.element);
  return ["role", "model"].flatMap((name) => (given.get(name) ? [[name, String(given.get(name))]] : []));
}

/** Stores a question. @param {string} text @param {object | null} spoken */
async function ask(text, spoken) {
  begin();
  turns.pend(text);
  try {
    await files.line; // what was attached before it is read with it
    const fields = { question: text, ...(spoken && { spoken: JSON.stringify(spoken) }) };
    if (conversation) {
      const reply = await post(`${here()}/turns`, fields);
      if (older) location.assign(reply.url);
      return arrived(reply);
    }
    const reply = await post("/turns", { ...fields, ...Object.fromEntries(chosen()) });
    arrived(reply);
    moveTo(reply, reply.place);
  } finally {
    turns.unpend();
  }
}

/** Before anything is asked: silence, the end in sight, and speech unlocked while the person's key or click is handled. */
function begin() {
  voices.silence();
  if (speaks.on) voices.unlock();
  follow.toEnd(false);
}

/** A turn that was begun here. The stream tells of it, too, and may have been faster. @param {any} reply */
function arrived(reply) {
  voices.begun.add(reply.answer);
  if (!turns.of(reply.answer)) turns.insert(reply.html, reply.after);
  if (connection.over) closeTurns(turns); // it was deleted meanwhile
  showRunning();
}

async function stop() {
  voices.silence();
  try {
    await post(`${here()}/stop`);
  } catch (refusal) {
    if (refusal instanceof Refusal) showTrouble(refusal.sentence, refusal.remedy);
    else throw refusal;
  }
}

// the page around the turns

function showRunning() {
  const running = turns.growing !== null;
  const hadFocus = document.activeElement === element("halt");
  composer.setRunning(running);
  if (hadFocus && !running) composer.focus();
  list.live(running);
  const title = element("title").textContent?.trim() || word("new");
  document.title = `${running ? "● " : ""}${title} · webbot`;
}

/** The page moves into a conversation: where its forms go, its draft, its mark in the list. @param {string} id */
function belongTo(id) {
  conversation = id;
  form("stop").setAttribute("action", `${here()}/stop`);
  composer.element.setAttribute("action", `${here()}/turns`);
  form("speaks").setAttribute("action", `${here()}/options`);
  composer.belongsTo(id);
  speaks.belongsTo(id);
  list.mark(id);
}

/** The conversation that was just made. @param {{url: string, conversation: string}} made @param {string} place */
async function moveTo(made, place) {
  history.pushState(null, "", made.url);
  belongTo(made.conversation);
  connection.listen(place);
  list.find();
  await refresh(() => handlers.gone({})); // what can be set of it
}

listenToMarks(turns.place, {
  read: (text, button) => voices.read(text, button),
  act: acts({ turns, here, begin, arrived, resync: (version) => connection.resync(version) }),
});
listenToEarlier(turns, talk);
listenToOptions();
listenToMenu();
listenToKeys({
  focus: () => composer.focus(),
  escape() {
    if (composer.listening) /** @type {HTMLElement | null} */ (composer.element.querySelector('[data-voice="cancel"]'))?.click();
    else if (turns.growing) stop();
    else return false;
    return true;
  },
  editLast() {
    const details = turns.last?.querySelector("details.edit");
    if (details instanceof HTMLDetailsElement) details.open = true;
    details?.querySelector("textarea")?.focus(); // at once: who types goes on typing
    return Boolean(details);
  },
});
form("stop").addEventListener("submit", (event) => {
  event.preventDefault();
  stop();
});
addEventListener("popstate", () => location.reload());

if (conversation) belongTo(conversation);
else composer.belongsTo("");
follow.toEnd(false);
if (matchMedia("(pointer: fine)").matches && !location.hash) composer.focus();
connection.listen(main.dataset.place ?? "");
