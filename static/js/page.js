// The page of a conversation, better with script: answers stream in, Stop is at hand, nothing reloads. This module only
// brings the others together.
import { tell } from "./announce.js";
import { Turns } from "./answer.js";
import { Composer } from "./composer.js";
import { Stream } from "./events.js";
import { refresh, showModels } from "./fresh.js";
import { listenToKeys } from "./keys.js";
import { List } from "./list.js";
import { listenToMarks } from "./marks.js";
import { showMemory } from "./memory.js";
import { listenToMenu } from "./menu.js";
import { Speaks, listenToOptions } from "./options.js";
import { Follow } from "./scroll.js";
import { Refusal, post } from "./server.js";
import { showTrouble } from "./trouble.js";
import { Voices } from "./voices.js";
import { word } from "./words.js";

/** @param {string} id */
const element = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
/** @param {string} id */
const form = (id) => /** @type {HTMLFormElement} */ (document.getElementById(id));

const main = element("main");
let conversation = main.dataset.conversation ?? "";
const older = new URLSearchParams(location.search).has("before"); // a page of earlier turns
const turns = new Turns(element("turns"));
const follow = new Follow(element("talk"), /** @type {HTMLElement} */ (element("turns").parentElement), element("newer"));
const list = new List(element("list"), /** @type {HTMLInputElement} */ (element("search")));
const composer = new Composer(form("composer"), ask);
const voices = new Voices(composer);
const speaks = new Speaks(form("speaks"), main.dataset.speaks === "on", (on) => voices.allow(on));
const stream = new Stream({
  handle: (name, data) => handlers[name](data),
  behind: () => turns.growing !== null,
  resync,
  away: (on) => (element("away").hidden = !on),
});

/** @type {Record<string, (data: any) => void>} what the stream tells */
const handlers = {
  models: ({ html }) => showModels(html),
  turn: ({ html, replaces_from }) => {
    turns.insert(html, replaces_from);
    showRunning();
  },
  preparing: (event) => turns.prepare(event) && tell(word("preparing", event)),
  started: (event) => {
    turns.prepared(event.answer);
    showMemory(turns.place, event);
    tell(word("thinking"));
  },
  blocks: (event) => turns.grow(event),
  sentence: (event) => voices.sentence(event, speaks.on),
  finished: (event) => ended(event, "done"),
  cancelled: (event) => ended(event, "stopped"),
  failed: (event) => ended(event, ""),
  changed: ({ title, list_html, cleared }) => {
    if (cleared) return location.reload();
    element("title").firstElementChild?.replaceChildren(title);
    list.show(list_html);
    showRunning();
  },
  gone: () => {
    stream.close();
    showTrouble(word("gone"));
  },
};

/** @param {any} event @param {string} note */
function ended(event, note) {
  turns.end(event.answer, event.html);
  showMemory(turns.place, event);
  showRunning();
  tell(event.sentence ?? word(note));
}

// turns

/** Stores a question. @param {string} text @param {object | null} spoken */
async function ask(text, spoken) {
  begin();
  turns.pend(text);
  const given = new FormData(composer.element);
  const first = ["bot_role", "model"].flatMap((name) => (given.get(name) ? [[name, String(given.get(name))]] : []));
  try {
    const fields = { question: text, ...(spoken && { spoken: JSON.stringify(spoken) }) };
    if (conversation) {
      const reply = await post(`/c/${conversation}/turns`, fields);
      if (older) location.assign(reply.url);
      return arrived(reply, null);
    }
    const reply = await post("/turns", { ...fields, ...Object.fromEntries(first) });
    arrived(reply, null);
    history.pushState(null, "", reply.url);
    belongTo(reply.conversation);
    listen(reply.answer);
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

/** @param {any} reply @param {number | null} replacesFrom */
function arrived(reply, replacesFrom) {
  voices.begun.add(reply.answer);
  turns.insert(reply.html, replacesFrom);
  showRunning();
}

/** @param {string} path @param {Record<string, string>} [fields] */
async function answerLast(path, fields) {
  begin();
  const from = Number(turns.last?.dataset.number ?? 0);
  arrived(await post(`/c/${conversation}/${path}`, fields), from);
}

async function stop() {
  voices.silence();
  try {
    await post(`/c/${conversation}/stop`);
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
  for (const name of ["stop", "again", "edit"]) form(name).setAttribute("action", `/c/${id}/${name}`);
  composer.element.setAttribute("action", `/c/${id}/turns`);
  form("speaks").setAttribute("action", `/c/${id}/options`);
  composer.belongsTo(id);
  speaks.belongsTo(id);
  list.mark(id);
}

/** @param {string} [begun] an answer that began here: told from its start, also when it has ended before the stream opens */
function listen(begun) {
  const url = conversation ? `/c/${conversation}/events` : "/events";
  stream.open(begun ? `${url}?answer=${begun}` : url);
  stream.url = url; // a second connection must not say it again
}

/** What may have been missed comes in. */
async function resync() {
  await refresh();
  turns.dress(turns.place);
  list.mark(conversation);
  showRunning();
}

listenToMarks(turns.place, {
  read: (text, button) => voices.read(text, button),
  again: () => answerLast("again"),
  edit: (message, question) => answerLast("edit", { message, question }),
});
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
listen();
