"""What people tell a chat bot: about themselves, greetings, small talk, spelled names, numbers."""

import re

from grammar import Grammar, article
from spoken_forms import LETTERS, ONES
from word_lists import (
    ANIMALS,
    CITIES,
    COLOURS,
    COUNTRIES,
    DAYS,
    FAVOURITES,
    FOODS,
    LANGUAGES,
    MONTHS,
    MOODS,
    NAMES,
    OCCUPATIONS,
    PET_NAMES,
    QUALITIES,
    RELATIVES,
    SHORT,
    SPORTS,
    SUBJECTS,
    TOLD,
    TONGUES,
    WEATHERS,
)


class Telling(Grammar):
    """Statements and small talk."""

    def short(self):
        return self.pick(SHORT)

    def names(self):
        n, m = self.pick(NAMES), self.pick(NAMES)
        return self.pick(
            [
                f"My name is {n}.",
                f"My name is {n}.",
                f"I am {n}.",
                f"I'm {n}.",
                f"Call me {n}.",
                f"Hello, my name is {n}.",
                f"Hi, I'm {n}.",
                f"Hello {n}.",
                f"My friend's name is {n}.",
                f"This is {n}.",
                f"Please call me {n}.",
                f"My {self.pick(RELATIVES)} is called {n}.",
                f"My {self.pick(['dog', 'cat', 'horse', 'parrot', 'hamster'])}'s name is {n}.",
                f"{n} and {m} are my friends.",
                "What is my name?",
                f"Do you know {n}?",
                f"Who is {n}?",
                f"Good morning, {n}.",
                f"Thank you, {n}.",
                f"Tell {n} that {m} is here.",
                f"Is {n} a common name?",
                f"My name is {n} and I live in {self.pick(CITIES)}.",
                f"Send a message to {n}.",
                f"Write a letter to {n}.",
                f"Remember that my name is {n}.",
                f"{n} lives in {self.pick(COUNTRIES)}.",
            ]
        )

    def pets(self):
        animal, p = (
            self.pick(["dog", "dog", "cat", "cat", "horse", "parrot", "hamster", "rabbit", "goldfish", "turtle"]),
            self.pick(PET_NAMES),
        )
        return self.pick(
            [
                f"I have {article(animal)} called {p}.",
                f"I have {article(animal)} named {p}.",
                f"My {animal} is called {p}.",
                f"My {animal}'s name is {p}.",
                f"{p} is my {animal}.",
                f"What is the name of my {animal}?",
                f"What is my {animal} called?",
                f"Who is {p}?",
                f"{p} likes {self.pick(FOODS)}.",
                f"My {self.pick(['brother', 'sister', 'friend', 'mother', 'son'])} has {article(animal)} called {p}.",
                f"What is my {animal}'s name?",
                f"Do you remember {p}?",
            ]
        )

    def greeted(self):
        """A greeting or filler and the rest of a sentence after a comma."""
        rest = self.pick([self.ask, self.ask, self.talk, self.command, self.pets, self.topic, self.about_me])()
        if rest.split()[0].rstrip(",.?'") not in NAMES + PET_NAMES and not re.match(r"I\b|I'|[A-Z]{2}|[A-Z]-", rest):
            rest = rest[0].lower() + rest[1:]
        rest = self.pick(
            [
                rest,
                rest,
                rest,
                "can you hear me?",
                "are you there?",
                "how are you?",
                "who are you?",
                "what can you do?",
                "can you help me?",
                "I have a question.",
            ]
        )
        return (
            self.pick(
                [
                    "Hello",
                    "Hello",
                    "Hi",
                    "Hey",
                    "Okay",
                    "So",
                    "Please",
                    "Well",
                    "Excuse me",
                    "Sorry",
                    "Yes",
                    "No",
                    "Thanks",
                    "And",
                ]
            )
            + ", "
            + rest
        )

    def about_me(self):
        n = self.number(5, 90)
        return self.pick(
            [
                f"I like {self.pick(FOODS)}.",
                f"I love {self.pick(FOODS)} and {self.pick(FOODS)}.",
                f"I don't like {self.pick(FOODS)}.",
                f"I hate {self.pick(FOODS)}.",
                f"My favorite {self.pick(['color', 'colour'])} is {self.pick(COLOURS)}.",
                f"My favorite animal is the {self.pick(ANIMALS)}.",
                f"My favorite food is {self.pick(FOODS)}.",
                f"My favorite sport is {self.pick(SPORTS)}.",
                f"I live in {self.pick(CITIES + COUNTRIES)}.",
                f"I am from {self.pick(CITIES + COUNTRIES)}.",
                f"I come from {self.pick(COUNTRIES)}.",
                f"I am {n} years old.",
                f"I'm {n} years old.",
                f"I have {self.number(2, 9)} {self.pick(ANIMALS)}s and a {self.pick(ANIMALS)}.".replace("mouses", "mice").replace(
                    "sheeps", "sheep"
                ),
                f"I was born in {self.year()}.",
                f"My birthday is on {self.pick(MONTHS)} {self.r.randint(10, 30)}th.".replace("21th", "21st")
                .replace("22th", "22nd")
                .replace("23th", "23rd"),
                f"I play {self.pick(SPORTS)} on {self.pick(DAYS)}s.",
                f"I work as {article(self.pick(OCCUPATIONS))}.",
                f"I want to learn {self.pick(TONGUES + LANGUAGES)}.",
                f"I speak {self.pick(TONGUES)} and {self.pick(TONGUES)}.",
                f"I would like some {self.pick(FOODS)}.",
                f"I had {self.pick(FOODS)} for {self.pick(['breakfast', 'lunch', 'dinner'])}.",
                f"I need {self.number(2, 30)} {self.plural()}.",
                f"I am going to {self.pick(CITIES + COUNTRIES)} {self.when()}.",
                f"I feel {self.adjective()} today.",
                f"I am {self.pick(MOODS)}.",
                f"I have a meeting {self.when()}.",
                f"I have to {self.common(self.verbs)[0]} {self.object()} {self.when()}.",
                f"I want to {self.common(self.verbs)[0]} {self.object()}.",
                f"I would like to {self.common(self.verbs)[0]} {self.object()}.",
            ]
        )

    def talk(self):
        return self.pick(
            [
                f"What is your favorite {self.pick(FAVOURITES)}?",
                f"Do you like {self.pick(FOODS + SPORTS)}?",
                f"Have you ever been to {self.pick(CITIES + COUNTRIES)}?",
                f"What did you do {self.when()}?",
                f"It is {self.adjective()} today.",
                f"The weather is {self.pick(WEATHERS)} today.",
                f"Will it rain {self.when()}?",
                f"How was your {self.pick(['day', 'week', 'weekend', 'trip', 'morning'])}?",
                f"Do you want to talk about {self.pick(SUBJECTS)}?",
                f"Let's talk about {self.pick(SUBJECTS)}.",
                f"What should I {self.common(self.verbs)[0]} {self.when()}?",
                f"What should I eat {self.when()}?",
                f"It's {self.clock()}.",
                f"It is {self.clock()} now.",
                f"Today is {self.pick(DAYS)}.",
                f"Today is {self.pick(DAYS)}, {self.pick(MONTHS)} {self.r.randint(10, 31)}.",
                f"See you on {self.pick(DAYS)}.",
                f"The train leaves at {self.clock()}.",
                f"That is very {self.adjective()}.",
                f"You are {self.adjective()}.",
                f"What do you think about {self.pick(SUBJECTS)}?",
                f"Thank you for the {self.noun()}.",
                f"That was a {self.pick(QUALITIES)} {self.pick(TOLD)}.",
            ]
        )

    def spelling(self):
        w = self.pick([self.pick(NAMES), self.noun(), self.pick(ANIMALS)])
        if len(w) > 8:
            w = w[:8]
        letters = "-".join(w.upper())
        return self.pick(
            [
                f"{letters}.",
                f"My name is spelled {letters}.",
                f"It is spelled {letters}.",
                f"{w.capitalize()} is spelled {letters}.",
                f"How do you spell {w}?",
                f"Can you spell {w}?",
                "-".join(self.r.choice(list(LETTERS)) for _ in range(self.r.randint(2, 6))) + ".",
            ]
        )

    def numbers(self):
        a = self.r.randint(0, 9)
        return self.pick(
            [
                ", ".join(ONES[i].capitalize() if i == a else ONES[i] for i in range(a, min(a + self.r.randint(2, 6), 10))) + ".",
                f"{self.r.randint(10, 99)}.",
                f"{self.r.randint(100, 999)}.",
                ", ".join(str(self.r.randint(10, 99)) for _ in range(self.r.randint(2, 4))) + ".",
                f"{self.r.randint(1000, 99999):,} {self.plural()}.",
                f"The number is {self.number(0, 1000)}.",
                f"The year {self.year()}.",
                f"It costs {self.number(2, 900)} dollars.",
                f"There are {self.number(2, 5000)} {self.plural()}.",
                f"{self.r.randint(1, 99)}%.",
                f"It is {self.r.randint(10, 99)} degrees.",
                f"Chapter {self.number(2, 40)}.",
                f"Page {self.number(2, 400)}.",
                f"The {self.r.randint(11, 20)}th century.",
                f"We need {self.number(2, 300)} more.",
                f"He is {self.number(2, 99)} and she is {self.number(2, 99)}.",
            ]
        )

    def story(self):
        n = self.pick(NAMES)
        return self.pick(
            [
                f"Once upon a time there was {article(self.adjective() + ' ' + self.pick(ANIMALS))}.",
                f"Once there was {article(self.adjective() + ' ' + self.noun())} called {n}.",
                f"{n} lived {self.place()} with {article(self.pick(ANIMALS))}.",
                f"One day, {self.clause()}.",
                f"Suddenly, {self.clause()}.",
                f"Then {self.clause()}.",
                f"In the end, {self.clause()}.",
                f"{n} said that {self.clause()}.",
                f"The {self.pick(ANIMALS)} and the {self.pick(ANIMALS)} were friends.",
                "They all lived happily ever after.",
                f"The {self.adjective()} {self.pick(ANIMALS)} {self.verb_phrase(3)}.",
                f"Write a story about {article(self.pick(ANIMALS))} who {self.verb_phrase(3)}.",
            ]
        )
