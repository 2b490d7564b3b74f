// The page of a conversation, better with script: answers stream in, Stop is at hand, nothing reloads. This module only
// brings the others together.
import { acts } from "./acts.js";
import { Turns } from "./answer.js";
import { Composer } from "./composer.js";
import { listenToEarlier } from "./earlier.js";
import { Stream } from "./events.js";
import { Files } from "./files.js";
import { refresh } from "./fresh.js";
import { listenToKeys } from "./keys.js";
import { List } from "./list.js";
import { listenToMarks } from "./marks.js";
import { showMemory } from "./memory.js";
import { listenToMenu } from "./menu.js";
import { Speaks, listenToOptions } from "./options.js";
import { news } from "./news.js";
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
const stream = new Stream({
  handle: (name, data) => handlers[name](data),
  away: (on) => (element("away").hidden = !on),
  back: () => list.find(),
  async refused() {
    if (!conversation) return;
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } }).catch(() => null);
    if (answer?.status === 404) handlers.gone({});
    else if (answer && [401, 403].includes(answer.status)) location.reload();
  },
});

const handlers = news({
  turns, older, list, speaks, main, resync, showRunning,
  sentence: (sentence) => voices.sentence(sentence, speaks.on),
  gone: () => stream.close(),
});

// turns

/** What was chosen before the first question. @returns {[string, string][]} */
function chosen() {
  const given = new FormData(composer.element);
  return ["bot_role", "model"].flatMap((name) => (given.get(name) ? [[name, String(given.get(name))]] : []));
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
  listen(place);
  await refresh(); // what can be set of it
}

/** @param {string} place where the page is */
function listen(place) {
  const version = main.dataset.version;
  stream.open(conversation ? `${here()}/events${version ? `?version=${version}` : ""}` : "/events", place);
}

let fetching = Promise.resolve();

/** The page fetches itself anew, unless it is at that version of the conversation already. @param {number} version */
function resync(version) {
  stream.close();
  fetching = fetching.then(async () => {
    const place = Number(main.dataset.version) < version ? await fetchAnew() : "";
    if (!stream.source) listen(place || stream.place);
  });
  return fetching;
}

/** Returns the place where the page is then, "" when it could not be fetched. */
async function fetchAnew() {
  if (older) location.assign(here());
  const fresh = await refresh();
  if (!fresh) return "";
  const { place = "", version } = fresh.main.dataset;
  main.dataset.version = version;
  turns.place.dataset.first = fresh.turns.dataset.first;
  turns.replace(fresh.turns.childNodes);
  showMemory(turns.place, { memory_html: fresh.memory, files_html: fresh.files });
  showRunning();
  return place;
}

listenToMarks(turns.place, {
  read: (text, button) => voices.read(text, button),
  act: acts({ turns, here, begin, arrived, resync }),
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
listen(main.dataset.place ?? "");
