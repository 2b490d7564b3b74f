"""What people ask of a chat bot: questions, sums, orders."""

from grammar import Grammar, article
from word_lists import (
    ANIMALS,
    BETTER,
    CAPITALS,
    CITIES,
    CODE,
    CODE_NOUNS,
    CODE_PARTS,
    COLOURED_THINGS,
    COUNTRIES,
    DAYS,
    ELEMENTS,
    FOODS,
    GREAT_THINGS,
    LANGUAGES,
    LISTABLE,
    METRIC_UNITS,
    MONTHS,
    NAMEABLE,
    NAMES,
    PEOPLE,
    SPORTS,
    SUBJECTS,
    TEXT_PARTS,
    TEXTS,
    TONGUES,
    TOPICS,
    UNITS,
)


class Asking(Grammar):
    """Questions and orders."""

    def ask(self):
        country, n = self.pick(COUNTRIES), self.number(2, 60)
        return self.pick(
            [
                f"What is the capital of {country}?",
                f"What is the capital city of {country}?",
                f"What's the capital of {country}?",
                f"Which country is {self.pick(CITIES)} in?",
                f"Where is {self.pick(COUNTRIES + CITIES)}?",
                f"{CAPITALS[country]} is the capital of {country}.",
                f"How many people live in {self.pick(COUNTRIES + CITIES)}?",
                f"What language do they speak in {country}?",
                f"How far is it from {self.pick(CITIES)} to {self.pick(CITIES)}?",
                f"What is the chemical symbol for {self.pick(ELEMENTS)}?",
                f"Is {self.pick(ELEMENTS)} a metal?",
                f"What is the atomic number of {self.pick(ELEMENTS)}?",
                f"What is {self.pick(ELEMENTS)} used for?",
                f"What sound does {article(self.pick(ANIMALS))} make?",
                f"What do {self.pick(ANIMALS)}s eat?".replace("mouses", "mice")
                .replace("foxs", "foxes")
                .replace("wolfs", "wolves")
                .replace("sheeps", "sheep")
                .replace("gooses", "geese"),
                f"How fast can {article(self.pick(ANIMALS))} run?",
                f"How many legs does {article(self.pick(ANIMALS))} have?",
                f"How long does {article(self.pick(ANIMALS))} live?",
                f"What is the largest {self.pick(GREAT_THINGS)} in the world?",
                f"Who was {self.pick(PEOPLE)}?",
                f"When was {self.pick(PEOPLE)} born?",
                f"What did {self.pick(PEOPLE)} do?",
                f"What colour is {self.pick(COLOURED_THINGS)}?".replace("colour", self.pick(["color", "color", "colour"])),
                f"How do you make {self.pick(FOODS)}?",
                f"How do I cook {self.pick(FOODS)}?",
                f"Are {self.pick(FOODS)} healthy?",
                f"What are the rules of {self.pick(SPORTS)}?",
                f"How many players are on {article(self.pick(SPORTS))} team?",
                f"What happened in {self.year()}?",
                f"What day comes after {self.pick(DAYS)}?",
                f"What month comes before {self.pick(MONTHS)}?",
                f"How many days are in {self.pick(MONTHS)}?",
                f"What is the opposite of {self.adjective()}?",
                f"What rhymes with {self.noun()}?",
                f"What is the plural of {self.noun()}?",
                f"How do you say {self.noun()} in {self.pick(TONGUES)}?",
                f"What is {self.pick(SUBJECTS)}?",
                f"How does {self.pick(SUBJECTS)} work?",
                f"Why is {self.pick(SUBJECTS)} important?",
                f"How many {self.plural()} are there in {article(self.noun())}?",
                f"Who invented the {self.noun()}?",
                f"Who wrote {self.noun()} and {self.noun()}?",
                f"What is the best way to {self.common(self.verbs)[0]} {article(self.noun())}?",
                f"Can you recommend a good {self.noun()}?",
                f"What is the difference between {article(self.noun())} and {article(self.noun())}?",
                f"How much is {n} {self.pick(UNITS)} in {self.pick(METRIC_UNITS)}?",
            ]
        )

    def sums(self):
        a, b = self.pick([(9, 9), (20, 20), (99, 99), (99, 12), (999, 99), (12, 12)])
        a, b = f"{self.r.randint(0, a):,}", f"{self.r.randint(1, b):,}"
        op = self.pick(["plus", "plus", "minus", "times", "times", "divided by", "multiplied by"])
        s = f"{a} {op} {b}"
        return self.pick(
            [
                f"What is {s}?",
                f"What is {s}?",
                f"What's {s}?",
                f"How much is {s}?",
                f"Calculate {s}.",
                f"{s}.",
                f"{s}?",
                f"Compute {s}.",
                f"Tell me what {s} is.",
                f"Please calculate {s}.",
                f"{a} plus {b} is {self.r.randint(2, 200)}.",
                f"What is {a} plus {b} plus {self.r.randint(1, 30)}?",
                f"What is {self.r.randint(1, 99)}% of {self.r.randint(10, 500)}?",
                f"What is the square root of {self.r.randint(2, 12) ** 2}?",
                f"What is the square of {self.r.randint(2, 30)}?",
                f"What is half of {self.r.randint(4, 200)}?",
                f"Add {a} and {b}.",
                f"Subtract {a} from {b}.",
                f"Multiply {a} by {b}.",
                f"Is {self.r.randint(10, 200)} a prime number?",
                f"What is the sum of {a} and {b}?",
            ]
        )

    def topic(self):
        t = self.pick(TOPICS)
        return self.pick(
            [
                f"Explain {t} to me.",
                f"Explain {t}.",
                f"Tell me about {t}.",
                f"Tell me something about {t}.",
                f"What is {t}?",
                f"How does {t} work?",
                f"Teach me about {t}.",
                f"Write an essay about {t}.",
                f"I want to learn about {t}.",
                f"What do you know about {t}?",
                f"Can you explain {t}?",
                f"Why is {t} important?",
                f"Who discovered {t}?",
                f"I am reading a book about {t}.",
                f"Give me a summary of {t}.",
            ]
        )

    def command(self):
        s = self.pick(SUBJECTS)
        what = self.pick(
            [
                "joke",
                "story",
                "poem",
                "song",
                "riddle",
                "letter",
                "short story",
                "haiku",
                "recipe",
                "list",
                "limerick",
                "speech",
                "summary",
                "paragraph",
                "sentence",
                "report",
                "headline",
                "question",
                "fairy tale",
                "title",
            ]
        )
        topic = self.pick([s, article(self.thing()), "the " + self.noun(), self.plural(), self.pick(NAMES)])
        please = self.pick(["", "", "", "Please ", "Can you ", "Could you ", "Would you please "])
        n = self.number(2, 20)
        body = self.pick(
            [
                f"tell me {article(what)}",
                f"tell me {article(what)} about {topic}",
                f"write {article(what)} about {topic}",
                f"write me {article(what)} about {topic}",
                f"explain {s}",
                f"explain {s} to a child",
                f"explain {topic} in simple words",
                f"describe {topic}",
                f"summarize {self.pick(TEXTS)} in {n} {self.pick(TEXT_PARTS)}",
                f"translate {self.noun()} into {self.pick(TONGUES)}",
                f"translate this into {self.pick(TONGUES)}",
                f"make it {self.pick(BETTER)}",
                f"list {n} {self.pick(LISTABLE)}",
                f"give me {n} {self.pick(['ideas', 'facts', 'examples', 'reasons', 'tips', 'names', 'questions'])} about {topic}",
                f"give me an example of {article(self.noun())}",
                f"name {n} {self.pick(NAMEABLE)}",
                f"count to {self.number(5, 100)}",
                f"count from {self.number(1, 20)} to {self.number(20, 100)}",
                f"remind me to {self.common(self.verbs)[0]} {self.object()}",
                f"set a timer for {self.number(2, 60)} minutes",
                f"set an alarm for {self.clock()}",
                f"remember that {self.clause()}",
                f"use the word {self.noun()} in a sentence",
                f"spell the word {self.noun()}",
                f"help me with {s}",
                f"teach me about {topic}",
                f"talk about {topic}",
                "play some music",
                f"show me {topic}",
                f"say {self.noun()} {self.number(2, 9)} times",
                f"answer in {self.number(2, 20)} words",
                f"answer in {self.pick(TONGUES)}",
                "repeat after me",
                f"rewrite it as {article(what)}",
                f"correct my {self.pick(['grammar', 'spelling', 'English', 'essay', 'code'])}",
                f"plan a trip to {self.pick(COUNTRIES + CITIES)}",
                f"recommend a {self.pick(['book', 'film', 'game', 'restaurant', 'song'])} about {topic}",
                f"{self.common(self.verbs)[0]} {self.object()}",
                f"{self.common(self.verbs)[0]} {self.object()} {self.place()}",
                f"don't {self.common(self.verbs)[0]} {self.object()}",
            ]
        )
        end = "?" if please[:1] == "C" or please[:1] == "W" else self.pick([".", ".", ".", ", please." if not please else "."])
        return please + body + end

    def code(self):
        language, job = self.pick(LANGUAGES), self.pick(CODE)
        return (
            self.pick(
                [
                    f"Write Python that {job}.",
                    f"Write {language} that {job}.",
                    f"Write a {language} function that {job}.",
                    f"Write a {language} program that {job}.",
                    f"Show me {language} code that {job}.",
                    f"Can you write {language} that {job}?",
                    f"How do I write a function that {job}?",
                    f"Write a script that {job}.",
                    f"How do I use a {self.pick(CODE_PARTS)} in {language}?",
                    f"What is a {self.pick(CODE_NOUNS)} in {language}?",
                    f"Why does my {language} code not work?",
                    "Add comments to the code.",
                    f"Explain this {language} code.",
                    "What does this function do?",
                ]
            )
            .replace("a HTML", "an HTML")
            .replace("a SQL", "an SQL")
        )

    def define(self):
        w = self.common(self.all) if self.r.random() < 0.6 else self.noun()
        return self.pick(
            [
                f"What does {w} mean?",
                f"What does the word {w} mean?",
                f"Define {w}.",
                f"What is {article(self.noun())}?",
                f"What is {article(self.noun())}?",
                f"What are {self.plural()}?",
                f"What is the meaning of {w}?",
                f"The word is {w}.",
                f"I said {w}.",
                f"Give me a definition of {w}.",
                f"Is {w} a verb?",
                f"What is another word for {w}?",
            ]
        )
