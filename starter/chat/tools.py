"""Chats with functions: calls with arguments copied from the question, answers from results, and turns that need no function.

    python tools.py --count 3 --seed 1      prints three chats

The functions are invented: a verb, a subject and one to three parameters. Subjects of the held-out slice never occur in
training, so evaluate.py asks for functions that were never seen.
"""

import argparse
import json
import random

import corpus
import facts as f
from memory import MEMORY
from names import any_word, invented_name, place
from skills import ONE_TURN
from tokens import TOOLS
from writing import number_words, say

SUBJECTS = f.words(
    "weather, time, temperature, price, population, forecast, status, balance, timetable, score, address, phone number, "
    "opening hours, menu, rating, stock, news, traffic, exchange rate, salary, speed, height, weight, size, age, birthday, "
    "owner, capital, distance, humidity, wind, rainfall, sunrise, sunset, air quality, water level, tide, rent, tax, "
    "discount, delivery date, invoice, order, booking, seat, gate, platform, departure, arrival, delay, flight, train, bus, "
    "parking, fuel price, battery level, signal, password, password hint, email address, calendar, agenda, next meeting, "
    "deadline, grade, homework, lesson, definition, translation, recipe, calories, ingredients, dose, allergy list, blood "
    "type, appointment, doctor, queue, ticket price, programme, winner, ranking, record, author, publisher, number of "
    "pages, lyrics, album, playlist, volume, brightness, version, licence, warranty, manual, serial number, location, "
    "route, map, altitude, time zone, currency, language, flag, holiday, event list"
)
ACTIONS = f.words(
    "book table, book room, book flight, order pizza, order taxi, buy ticket, reserve seat, rent car, rent bike, set alarm, "
    "set timer, start timer, stop music, play song, play film, turn on light, turn off light, open door, close window, lock "
    "gate, start heating, stop engine, send message, send email, call friend, add task, add event, delete task, delete "
    "event, cancel order, cancel booking, create note, save note, print label, print report, plan trip, pay bill, transfer "
    "money, water plant, feed cat, move robot, start robot, paint wall, build house, wash car, clean room, cook soup, bake "
    "cake, fill tank, charge battery, record call, schedule meeting, move meeting, invite guest, remove guest, block card, "
    "open account, change password, resize image, draw circle, translate text, hide window, start backup, restart server, "
    "update list, load map, mix colour, make coffee"
)
KEYS = {
    "place": f.words("location, city, place, town, where"),
    "person": f.words("name, person, user, contact, customer, who"),
    "thing": f.words("item, product, word, query, topic, title, object"),
    "count": f.words("number, count, amount, quantity, people"),
    "minutes": f.words("minutes, duration, length"),
    "day": f.words("day, date, weekday"),
    "time": f.words("time, hour, start"),
    "text": f.words("text, message, content, note"),
    "code": f.words("id, code, key, order_id"),
}
PHRASES = {
    "place": [" in [v]", " in [v]", " in [v]", " at [v]", " for [v]", " near [v]"],
    "person": [" for [v]", " of [v]", " for [v]", " to [v]"],
    "thing": [" of [v]", " for [v]", " with [v]"],
    "count": [" for [v] people", " for [v]", " with [v] pieces", " for [v] guests", ", [v] times"],
    "minutes": [" for [v] minutes", " in [v] minutes"],
    "day": [" on [v]", " for [v]"],
    "time": [" at [v]", " from [v]"],
    "text": [" saying [v]", " with the text [v]", ": [v]", ' saying "[v]"'],
    "code": [" with the {code|number} [v]", " for [v]", " [v]"],
}
ABOUT = {
    "place": ["The city", "City name", "Where", "The place, for example Ulm"],
    "person": ["The person", "Name of the person", "Who"],
    "thing": ["What to look for", "The thing", "Name of the item"],
    "count": ["How many", "The number"],
    "minutes": ["In minutes", "How long"],
    "day": ["The day of the week", "The day"],
    "time": ["The time of day", "When"],
    "text": ["The text", "What to say"],
    "code": ["The code", "The number of the order"],
}
CHOICES = [
    ("unit", ["celsius", "fahrenheit"]),
    ("unit", ["C", "F"]),
    ("unit", ["km", "miles"]),
    ("size", ["small", "medium", "large"]),
    ("currency", ["euros", "dollars", "pounds"]),
    ("language", ["English", "German", "French"]),
    ("mode", ["fast", "slow"]),
    ("format", ["short", "long"]),
    ("level", ["low", "high"]),
]
LOOKUP_ASKED = [
    "{What is|What's} the [s][p]?",
    "{What is|What's} the [s][p]?",
    "{Tell|Show|Give} me the [s][p].",
    "{Find|Check|Look up|Get} the [s][p]{.|, please.}",
    "{Can|Could} you {find|check|tell me|look up} the [s][p]?",
    "{I need|I'd like to know|I want to know} the [s][p].",
    "Do you know the [s][p]?",
    "{What about|How about} the [s][p]?",
]
SPECIAL_ASKED = {
    "weather": [
        "{How is|What is|What's|How's} the weather{ like|}{ today|}[p]?",
        "Will it rain[p]?",
        "Is it {sunny|cold|raining}[p]?",
    ],
    "temperature": ["How {warm|cold|hot} is it[p]?"],
    "time": ["What time is it[p]?"],
    "price": ["How much is it[p]?", "What does it cost[p]?"],
    "distance": ["How far is it[p]?"],
}
ACTION_ASKED = [
    "{Please |}[a][p].",
    "{Can|Could} you [a][p]?",
    "{I want to|I'd like to|Please help me} [a][p].",
    "[a][p]{.| please.| now.}",
]
SAYINGS = f.words(
    "see you soon, I am late, call me back, happy birthday, buy some milk, the meeting is over, good luck, dinner is ready, "
    "thank you, I miss you, bring the keys, we are here"
)
VALUES = ["[n]", "[n]", "[n].[n]", "[n] [w]", "[w]", "[w]", "[c]", "[m]", "[n]:[k]0", "[w] and [w]"]
ADJECTIVES = f.words(
    "sunny, cloudy, rainy, good, bad, high, low, open, closed, free, full, ready, late, early, unknown, blue, new"
)
ERRORS = f.words("not found, no connection, not allowed, the server is busy, it is closed, unknown name, too many requests")
NOTHING = "{Sorry, |I'm sorry, |}I have no function for that."


class Parameter:
    """One parameter: its schema, and values as the question says them and as the call writes them."""

    def __init__(self, r, taken, first):
        self.r = r
        draw = r.random()
        self.choices = self.flag = None
        if first or draw < 0.6:
            kinds = ["place"] * 4 + ["person"] * 2 + ["thing"] * 2 + ["code"] if first else list(KEYS)
            self.kind = r.choice(kinds)
            self.key = r.choice(KEYS[self.kind])
        elif draw < 0.85:
            self.kind = "choice"
            self.key, self.choices = r.choice(CHOICES)
            if r.random() < 0.4:
                self.key, self.choices = r.choice(["colour", "type", "kind", "style"]), r.sample(f.WORDS, r.randint(2, 4))
        else:
            self.kind, self.flag = "flag", any_word(r)
            self.key = r.choice(["", "with_", "has_"]) + self.flag
        while self.key in taken:
            self.key += str(r.randint(2, 9))
        self.number = self.kind in ("count", "minutes") or (self.kind == "code" and r.random() < 0.5)
        self.schema = {"type": "boolean" if self.flag else "integer" if self.number else "string"}
        if self.number and r.random() < 0.2:
            self.schema["type"] = "number"
        if self.choices:
            self.schema["enum"] = self.choices
        elif not self.flag and r.random() < 0.45:
            self.schema["description"] = r.choice(ABOUT[self.kind])

    def value(self, c):
        """(phrase of the question, value in the call)"""
        r, kind = self.r, self.kind
        if self.flag:
            value = r.random() < 0.5
            return (" with " if value else " without ") + self.flag, value
        if self.choices:
            value = r.choice(self.choices)
            return r.choice([" in ", " in ", ", "]) + value, value
        if self.number:
            value = r.randint(1, 99) if kind != "code" else r.randint(100, 99999)
            shown = number_words(value) if value <= 12 and r.random() < 0.3 else str(value)
            return say(r, r.choice(PHRASES[kind]), v=shown), value
        value = {
            "place": lambda: c.fresh(lambda: place(r)),
            "person": lambda: c.fresh(lambda: invented_name(r)),
            "thing": lambda: any_word(r),
            "day": lambda: r.choice([*f.DAYS, "today", "tomorrow"]),
            "time": lambda: r.choice(
                [f"{r.randint(0, 23)}:{r.choice(['00', '15', '30', '45'])}", f"{r.randint(1, 12)} o'clock"]
            ),
            "text": lambda: r.choice(SAYINGS) if r.random() < 0.6 else " ".join(any_word(r) for _ in range(r.randint(1, 4))),
            "code": lambda: "".join(r.choice("ABCDEFGHKLMNPRSTUVWXYZ0123456789") for _ in range(r.randint(3, 6))),
        }[kind]()
        return say(r, r.choice(PHRASES[kind]), v=value), value


class Function:
    def __init__(self, c, taken):
        r = self.r = c.r
        self.acts = r.random() < 0.3
        while True:
            subject = c.fresh(lambda: self._subject(r))
            if subject not in taken:
                break
        self.subject = subject
        self.parameters = []
        for number in range(r.choice([1, 1, 1, 2, 2, 3]) if r.random() > 0.04 else 0):
            self.parameters.append(Parameter(r, {p.key for p in self.parameters}, first=number == 0 and not self.acts))
        self.required = [p.key for n, p in enumerate(self.parameters) if n == 0 or r.random() < 0.4]
        words = self.subject.split()
        if not self.acts:
            words = r.choice([["get"], ["get"], ["find"], ["check"], ["show"], ["fetch"], ["current"], []]) + words
        name = "_".join(words) if r.random() < 0.8 else words[0] + "".join(map(str.capitalize, words[1:]))
        about = [
            "{Get|Find|Look up|Returns|Gives} the [s]", "The [s]", "The [s] {of|for} something",
            "Get the {current |}[s]{ for a place|}",
        ]
        about = "" if r.random() < 0.15 else say(r, ["[s]", "{Can |}[s]{ for the user|}"] if self.acts else about, s=self.subject)
        schema = {"type": "object", "properties": {p.key: p.schema for p in self.parameters}}
        if self.required:
            schema["required"] = self.required
        if r.random() < 0.1:
            schema["additionalProperties"] = False
        self.description = {"name": name, "description": about[:1].upper() + about[1:], "parameters": schema}

    def _subject(self, r):
        if self.acts:
            return r.choice(ACTIONS) if r.random() < 0.7 else f"{r.choice(ACTIONS).split()[0]} {any_word(r)}"
        draw = r.random()
        return r.choice(SUBJECTS[:3]) if draw < 0.1 else r.choice(SUBJECTS) if draw < 0.7 else any_word(r)

    def ask(self, c):
        """(question, arguments, the words that say what it was about)"""
        r, phrase, arguments = self.r, "", {}
        for p in self.parameters:
            if p.key in self.required or r.random() < 0.6:
                part, arguments[p.key] = p.value(c)
                phrase += part
        asked = ACTION_ASKED if self.acts else LOOKUP_ASKED
        if self.subject in SPECIAL_ASKED and r.random() < 0.5 and not self.acts:
            asked = SPECIAL_ASKED[self.subject]
        text = say(r, asked, s=self.subject, a=self.subject, p=phrase)
        text = text[:1].upper() + text[1:]
        if r.random() < 0.12:
            text = text.rstrip(".?!")
        if r.random() < 0.1:
            text = say(r, "{Please: |Hi, |Okay. |Now: |Thanks. |And: |Hello! }") + text
        return text, arguments, f"the {self.subject}{phrase}"

    def result(self, about):
        """(what the function returns, the answer)"""
        r = self.r
        if r.random() < 0.1:
            error = r.choice(ERRORS)
            return json.dumps({"error": error}) if r.random() < 0.6 else f"Error: {error}", f"That did not work: {error}."
        if self.acts:
            if r.random() < 0.3:
                code = str(r.randint(10, 9999))
                return json.dumps({"status": "ok", "id": code}), f"Done. The id is {code}."
            return r.choice(["ok", "done", '{"status": "ok"}', '{"success": true}', '{"result": "done"}', "true"]), "Done."
        value = self._value()
        if r.random() < 0.35:
            return value, f"{about[:1].upper() + about[1:]}: {value}."
        some = ["temperature", "sky", "value", "result", "level", "total", "state", "wind", any_word(r), self.subject]
        keys = r.sample(some, 3)
        pairs = {k: self._typed() for k in keys[: r.choice([1, 1, 2, 3])]}
        shown = ", ".join(str(v) if len(pairs) == 1 else f"{k} {v}" for k, v in pairs.items())
        return json.dumps(pairs, ensure_ascii=False), f"{about[:1].upper() + about[1:]}: {shown}."

    def _typed(self):
        r = self.r
        return r.randint(0, 999) if r.random() < 0.45 else r.choice(ADJECTIVES) if r.random() < 0.6 else self._value()

    def _value(self):
        r = self.r
        w = r.choice(ADJECTIVES) if r.random() < 0.6 else any_word(r)
        return say(r, VALUES, n=r.randint(0, 99), w=w, c=place(r), m=invented_name(r), k=r.randint(0, 5))


def block(functions):
    """What the chat template writes of functions."""
    return "\n".join([TOOLS, *(json.dumps(each, ensure_ascii=False) for each in functions)])


def written(name, arguments):
    """A call as the chat template writes it."""
    return f'{{"name": {json.dumps(name)}, "parameters": {json.dumps(arguments, ensure_ascii=False)}}}'


def offer(c, count):
    """Some functions in the system message."""
    functions = []
    for _ in range(count):
        functions.append(Function(c, {each.subject for each in functions}))
    about = ["", "", "You are a helpful assistant.", "Be brief.", "You are a friendly assistant.", "You are webbot."]
    c.add("system", f"{c.r.choice(about)}\n\n{block([each.description for each in functions])}")
    return functions


def call(c, function, answered=True):
    asked, arguments, about = function.ask(c)
    c.add("user", asked)
    c.asked.append(asked)
    c.add("assistant", written(function.description["name"], arguments))
    c.must = [c.messages[-1]["content"]]
    if answered:
        result, answer = function.result(about)
        c.add("tool", result)
        c.add("assistant", answer)
        c.must = [answer.partition(": ")[2].rstrip(".") or answer]


def lacking(c, functions):
    """A question for a function that is not there."""
    asked, _, _ = Function(c, {each.subject for each in functions}).ask(c)
    c.add("user", asked)
    c.asked.append(asked)
    c.add("assistant", say(c.r, NOTHING))
    c.must = ["no function"]


def unrelated(c):
    """An ordinary turn, of which no function is a part."""
    kinds = {**ONE_TURN, **MEMORY}
    names = [name for name in kinds if name not in ("unknown", "follow_up")]
    kinds[c.r.choices(names, [kinds[name][0] for name in names])[0]][1](c)


def tool_chat(seed, heldout=False):
    """One chat: a list of messages."""
    r = random.Random(seed)
    c = corpus.Chat(r, heldout)
    functions = offer(c, r.choice([1, 1, 1, 2, 2, 2, 3, 4]))
    for _ in range(r.choice([1, 2, 3, 3, 4, 5])):
        draw = r.random()
        if draw < 0.68:
            call(c, r.choice(functions))
        elif draw < 0.92:
            unrelated(c)
        else:
            lacking(c, functions)
    return c.messages


def stream(seed, share=0.6):
    """Endless chats: of functions, and as many of the old ones that nothing is forgotten."""
    number, r = 0, random.Random(seed)
    while True:
        yield tool_chat(f"{seed}:tools:{number}") if r.random() < share else corpus.chat(f"{seed}:{number}")
        number += 1


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=3)
    options.add_argument("--seed", default="0")
    options = options.parse_args()
    for number in range(options.count):
        for message in tool_chat(f"{options.seed}:tools:{number}"):
            print(f"[{message['role']}] {message['content']}")
        print("-" * 60)
