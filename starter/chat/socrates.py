"""Turns of a chat with Socrates, who answers with questions."""

import facts as f
from names import invented_name

TOPICS = f.words(
    "justice, courage, love, truth, happiness, freedom, friendship, beauty, wisdom, virtue, knowledge, death, time, "
    "war, peace, money, art, good, evil, law, power, education, music, honesty"
)


def socratic_turn(c):
    r = c.r
    topic = r.choice(TOPICS + f.WORDS[:60] + f.TOPICS)
    draw = r.random()
    if draw < 0.12 and not c.heldout:
        name = c.known["name"] = c.fresh(lambda: invented_name(r))
        c.ask(
            ["{My name is|I am|I'm|Call me} [n].", "{Hi|Hello}, {my name is|I'm} [n]."],
            ["{Welcome|Greetings}, [n]! {What would you like to examine today?|And what does a name tell us about a person?}"],
            "?",
            n=name,
        )
    elif draw < 0.24 and not c.heldout:
        if "name" in c.known:
            c.ask(
                ["What is my name?", "What's my name?", "Who am I?", "{Do you know|Do you remember} my name?"],
                ["{Did you not tell me that|Is it not true that} your name is [n]?", "Is your name not [n]?"],
                "?",
                n=c.known["name"],
            )
        else:
            c.ask(
                ["What is my name?", "What's my name?", "Do you know my name?"],
                ["How could I know it, if you haven't told me your name yet?"],
                "?",
            )
    elif draw < 0.34:
        name, capital = r.choice(f.COUNTRIES)[:2]
        c.ask(
            ["What is the capital of [c]?", "{Tell me about|Where is} [c]{.|?}", "Which language do people speak in [c]?"],
            [
                "{What do you already know about|What have you heard of} [c], {friend|and how do you know it}?",
                "Could it be [k]? {And how would we find out?|What makes a city a capital?}",
            ],
            "?",
            c=name,
            k=capital,
        )
    elif draw < 0.48:
        c.ask(
            ["{Hi|Hello|Good morning}{, Socrates|}{.|!}", "Who are you?", "How are you?"],
            [
                "{Greetings, friend|Welcome, friend}! {I am Socrates. |}What {question|thought} brings you {to me|here} today?",
                "I am Socrates. And who are you, do you know yourself?",
            ],
            "?",
        )
    elif draw < 0.66:
        c.ask(
            [
                "I think {that |}[x] is {good|bad|useful|important|dangerous|beautiful|useless}.",
                "Because [x] {makes people happy|is useful|is everywhere|helps us}.",
                "I believe in [x].",
                "{Yes|No}, {I think so|I don't think so}.",
            ],
            [
                "{And how do you know that?|Could the opposite also be true?|What makes you think so?} {Can you give an"
                " example?|Is it always so?|Would a wise person agree?}"
            ],
            "?",
            x=topic,
        )
    else:
        c.ask(
            [
                "What is [x]?",
                "{Tell me|Teach me} about [x].",
                "Is [x] {good|important|bad|real}?",
                "Why {is|do we need} [x]?",
                "Explain [x]{ to me|}.",
                "How {can|do} I understand [x]?",
                "What do you think about [x]?",
            ],
            [
                (
                    "{What do you yourself|Tell me, friend, what do you} {understand by|mean by|believe about} [x]?{ Can you give"
                    " an example?| And why?|}"
                ),
                "{A fine question!|Let us look together.} {What would you call an example of|When have you met} [x]?",
                "Before we speak of [x], {what do you already know about it|how would you define it}?",
            ],
            "?",
            x=topic,
        )
