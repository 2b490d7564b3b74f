"""Grammatical sentences over a wide vocabulary (words.txt), mostly without sense: every common word is heard in many places."""

import random
from pathlib import Path

from spoken_forms import ONES
from word_lists import ANIMALS, DAYS, IRREGULAR, MONTHS, NAMES, PRONOUNS, STOPLIST

WORDS_FILE = Path(__file__).with_name("words.txt")


def load_words():
    """words.txt as {class: [words, common ones first]}."""
    table = {"n": [], "v": [], "a": [], "r": [], "x": [], "all": []}
    for line in WORDS_FILE.read_text(encoding="utf-8").splitlines():
        word, classes = line.split()
        table["all"].append(word)
        if word in STOPLIST or len(word) < 3:
            continue
        for c in classes:
            table[c].append(word)
    # a verb that is mostly a noun ('house') makes odd sentences, which does no harm here
    return table


def inflect(verb, known):
    """(past, -s form, -ing form), or None where the word list lacks one."""
    if verb in IRREGULAR:
        return IRREGULAR[verb]
    stem = verb[:-1] if verb.endswith("e") else verb
    double = verb + verb[-1]
    past = next((w for w in (stem + "ed", double + "ed", verb[:-1] + "ied") if w in known), None)
    third = next((w for w in (verb + "s", verb + "es", verb[:-1] + "ies") if w in known), None)
    ing = next((w for w in (stem + "ing", double + "ing") if w in known), None)
    return (past, third, ing) if past and third and ing else None


def article(phrase):
    return ("an " if phrase[0].lower() in "aeiou" and not phrase.startswith(("uni", "use", "eu", "one")) else "a ") + phrase


def sentence_case(text):
    return text[0].upper() + text[1:]


class Grammar:
    """Words and the sentences made of them; the same seed gives the same ones."""

    def __init__(self, seed=0):
        self.r = random.Random(seed)
        words = load_words()
        known = set(words["all"])
        self.all = [w for w in words["all"] if len(w) > 2]
        self.nouns = [w for w in words["n"] if not w.endswith(("ing", "ly"))]
        self.adjectives = words["a"]
        self.adverbs = words["r"]
        self.verbs = [(v, *f) for v in words["v"] if (f := inflect(v, known))]

    # -- small parts
    def pick(self, options):
        return self.r.choice(options)

    def common(self, options):
        """A word, common ones more often."""
        return options[int(len(options) * self.r.random() ** 1.6)]

    def number(self, low=2, high=100):
        n = self.r.randint(low, high)
        return ONES[n] if n < 10 else f"{n:,}"

    def noun(self):
        return self.common(self.nouns)

    def plural(self):
        n = self.noun()
        if n.endswith(("s", "x", "z", "ch", "sh")):
            return n + "es"
        return n[:-1] + "ies" if n.endswith("y") and n[-2] not in "aeiou" else n + "s"

    def adjective(self):
        return self.common(self.adjectives)

    def year(self):
        return str(self.r.randint(1100, 2030))

    def thing(self):
        return self.pick([self.pick(ANIMALS), self.noun(), self.noun(), self.adjective() + " " + self.noun()])

    def noun_phrase(self):
        """(phrase, person): 1 I, 2 plural, 3 singular."""
        c = self.r.random()
        if c < 0.22:
            return self.pick(PRONOUNS)
        if c < 0.34:
            return self.pick(NAMES), 3
        n = self.noun() if self.r.random() < 0.6 else self.adjective() + " " + self.noun()
        if c < 0.6:
            return "the " + n, 3
        if c < 0.7:
            return article(n), 3
        if c < 0.84:
            return self.pick(["my", "your", "his", "her", "our", "their", "this", "that", "every", "another"]) + " " + n, 3
        plural = self.plural()
        return self.pick(
            ["the ", "these ", "those ", "some ", "many ", "all the ", "", "most ", self.number(2, 90) + " "]
        ) + plural, 2

    def object(self):
        phrase = self.noun_phrase()[0]
        return {"I": "me", "he": "him", "she": "her", "we": "us", "they": "them"}.get(phrase, phrase)

    def place(self):
        return (
            self.pick(
                [
                    "in",
                    "on",
                    "under",
                    "near",
                    "behind",
                    "from",
                    "with",
                    "for",
                    "about",
                    "before",
                    "after",
                    "without",
                    "between",
                    "inside",
                    "outside",
                    "against",
                    "across",
                    "around",
                    "beside",
                ]
            )
            + " "
            + self.object()
        )

    def when(self):
        return self.pick(
            [
                "today",
                "yesterday",
                "tomorrow",
                "now",
                "every day",
                "last week",
                "next year",
                "this morning",
                "in the evening",
                "at night",
                "at noon",
                "on " + self.pick(DAYS),
                "in " + self.pick(MONTHS),
                "in " + self.year(),
                "at " + self.clock(),
                "for " + self.number(2, 60) + " minutes",
                self.number(2, 50) + " years ago",
            ]
        )

    def clock(self):
        return f"{self.r.randint(1, 12)}.{self.pick(['00', '15', '30', '45', f'{self.r.randint(1, 59):02d}'])}"

    def verb_phrase(self, person):
        base, past, third, ing = self.common(self.verbs)
        be = {1: "am", 2: "are", 3: "is"}[person]
        was = "were" if person == 2 else "was"
        has = "has" if person == 3 else "have"
        do = "does" if person == 3 else "do"
        form = self.pick(
            [
                past,
                past,
                past,
                third if person == 3 else base,
                f"{be} {ing}",
                f"{was} {ing}",
                f"will {base}",
                f"can {base}",
                f"should {base}",
                f"would {base}",
                f"must {base}",
                f"might {base}",
                f"did not {base}",
                f"didn't {base}",
                f"{do} not {base}",
                f"can't {base}",
                f"won't {base}",
                f"{has} {past}",
                f"wanted to {base}",
                f"tried to {base}",
                f"used to {base}",
            ]
        )
        out = form + " " + self.object()
        if self.r.random() < 0.2:
            out = self.common(self.adverbs) + " " + out
        if self.r.random() < 0.4:
            out += " " + self.place()
        if self.r.random() < 0.25:
            out += " " + self.when()
        return out

    def clause(self):
        c = self.r.random()
        subject, person = self.noun_phrase()
        if c < 0.68:
            return subject + " " + self.verb_phrase(person)
        be = self.pick(
            [
                {1: "am", 2: "are", 3: "is"}[person],
                "were" if person == 2 else "was",
                "will be",
                "may be",
                "seems" if person == 3 else "seem",
                "looked",
                "felt",
                "became",
            ]
        )
        tail = self.pick(
            [
                self.adjective(),
                "very " + self.adjective(),
                "not " + self.adjective(),
                self.adjective() + " and " + self.adjective(),
                "more " + self.adjective() + " than " + self.object(),
                article(self.noun()),
                "too " + self.adjective() + " for " + self.object(),
            ]
        )
        return f"{subject} {be} {tail}" if c < 0.9 else f"there {self.pick(['is', 'was'])} {article(self.thing())} {self.place()}"

    # -- kinds of sentences

    def grammar(self):
        c = self.r.random()
        if c < 0.72:
            return self.clause() + self.pick([".", ".", ".", ".", "!"])
        if c < 0.86:
            return (
                self.clause()
                + " "
                + self.pick(["because", "but", "and", "when", "while", "before", "after", "so", "although", "until"])
                + " "
                + self.clause()
                + "."
            )
        if c < 0.94:
            return (
                self.pick(["I think", "She said", "He says", "We know", "They believe", "I hope", "Maybe", "I heard"])
                + " "
                + self.clause()
                + "."
            )
        return self.pick(["If", "When", "After", "Because"]) + " " + self.clause() + ", " + self.clause() + "."

    def question(self):
        base, past, _, ing = self.common(self.verbs)
        subject, person = self.noun_phrase()
        subject = subject if subject != "I" or self.r.random() < 0.5 else "you"
        person = 2 if subject == "you" else person
        do = "does" if person == 3 else "do"
        be = {1: "am", 2: "are", 3: "is"}[person]
        return self.pick(
            [
                f"{do} {subject} {base} {self.object()}?",
                f"did {subject} {base} {self.object()}?",
                f"can {subject} {base} {self.object()}?",
                f"why {do} {subject} {base} {self.object()}?",
                f"how {do} {subject} {base} {self.object()}?",
                f"when will {subject} {base} {self.object()}?",
                f"where did {subject} {base} {self.object()}?",
                f"{be} {subject} {self.adjective()}?",
                f"why {be} {subject} so {self.adjective()}?",
                f"who {past} {self.object()}?",
                f"which {self.noun()} is {self.adjective()}?",
                f"{be} {subject} {ing} {self.object()}?",
                f"would you like to {base} {self.object()}?",
                f"how many {self.plural()} are there {self.place()}?",
            ]
        )

    def random_words(self):
        """Words without grammar, so that every common word is heard outside its usual company."""
        k = self.r.choice([1, 2, 3, 3, 4, 5, 6, 8])
        words = [self.r.choice(self.all) for _ in range(k)]
        if k <= 4 and self.r.random() < 0.5:
            return ", ".join(words) + "."
        return " ".join(words) + "."
