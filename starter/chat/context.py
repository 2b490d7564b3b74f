"""Facts in a system message or in the user's own, and questions about them."""

import facts as f
from attributes import OBJECTS, SPOTS
from names import any_word, invented_name, invented_word, place
from skills import ONE_TURN
from writing import article, number_words, say, upper_first

# facts given in a message: (statement, question, answer)
RELATIONS = [
    (
        "[p] has [aa] {named|called} [q].",
        [
            "What is [p]'s [a] called?",
            "What is the name of [p]'s [a]?",
            "Who is [q]?|[q] is [p]'s [a].",
            "What pet does [p] have?|[p] has [aa] called [q].",
        ],
        "[p]'s [a] is called [q].",
    ),
    (
        "[p] lives in [c].",
        ["Where does [p] live?", "{Which|What} city does [p] live in?", "Who lives in [c]?|[p] lives in [c]."],
        "[p] lives in [c].",
    ),
    ("[p] is [n] years old.", ["How old is [p]?", "What is [p]'s age?"], "[p] is [n] years old."),
    (
        "[p] works as [aj].",
        ["What does [p] do for a living?", "What is [p]'s job?", "Who works as [aj]?|[p] works as [aj]."],
        "[p] works as [aj].",
    ),
    ("[p] likes [f].", ["What does [p] like?", "Who likes [f]?|[p] likes [f]."], "[p] likes [f]."),
    (
        "[p]'s favourite colour is [k].",
        ["What is [p]'s favourite colour?", "Which colour does [p] like best?"],
        "[p]'s favourite colour is [k].",
    ),
    (
        "The [s] opens at [h].",
        ["When does the [s] open?", "At what time does the [s] open?", "What time does the [s] open?"],
        "The [s] opens at [h].",
    ),
    ("The [s] closes at [h].", ["When does the [s] close?", "At what time does the [s] close?"], "The [s] closes at [h]."),
    ("The [s] is in [c].", ["Where is the [s]?", "In which city is the [s]?"], "The [s] is in [c]."),
    (
        "The [s] costs [n] euros.",
        ["How much does the [s] cost?", "What does the [s] cost?", "What is the price of the [s]?"],
        "The [s] costs [n] euros.",
    ),
    (
        "The code {for|of} the [s] is [m].",
        ["What is the code {for|of} the [s]?", "Which code does the [s] have?"],
        "The code for the [s] is [m].",
    ),
    ("The meeting is on [d]{ at [h]|}.", ["When is the meeting?", "On which day is the meeting?"], "The meeting is on [d]."),
    (
        "[p] plays the [i].",
        ["What does [p] play?", "Which instrument does [p] play?", "Who plays the [i]?|[p] plays the [i]."],
        "[p] plays the [i].",
    ),
    ("[p] married [q] in [y].", ["Who did [p] marry?", "When did [p] marry?", "Who married [q]?"], "[p] married [q] in [y]."),
    ("The [o] is [x].", ["Where is the [o]?", "Where can I find the [o]?"], "The [o] is [x]."),
    ("[p] was born in [y].", ["When was [p] born?", "In which year was [p] born?"], "[p] was born in [y]."),
    ("[p] wrote [b].", ["Who wrote [b]?", "What did [p] write?"], "[p] wrote [b]."),
    ("[g] was founded in [y]{ by [p]|}.", ["When was [g] founded?", "In which year was [g] founded?"], "[g] was founded in [y]."),
    ("The capital of [g] is [c].", ["What is the capital of [g]?"], "The capital of [g] is [c]."),
    ("[g] has [n] {inhabitants|employees|rooms|floors}.", ["How many {inhabitants|employees|rooms|floors} does [g] have?"], None),
]
SHOPS = f.words(
    "shop, museum, library, bakery, pool, market, school, office, restaurant, cinema, station, park, gym, pharmacy, bank, zoo,"
    " ticket, bicycle, hotel, garden"
)


def given_facts(c, count):
    """Some random statements; returns their text and (asked, answer, key) questions."""
    r = c.r
    statements, questions = [], []
    for relation in r.sample(RELATIONS, count):
        names = {k: c.fresh(lambda: invented_name(r)) for k in "pq"}
        v = dict(
            names,
            c=place(r),
            n=r.randint(2, 98),
            f=r.choice(f.FOODS),
            k=r.choice(f.COLOURS),
            s=r.choice(SHOPS),
            m=r.randint(100, 99999),
            d=r.choice(f.DAYS),
            i=r.choice(f.INSTRUMENTS),
            y=r.randint(1500, 2025),
            o=r.choice(OBJECTS[:1] + OBJECTS[2:]),
            x=say(r, SPOTS, w=any_word(r)),
            b=r.choice(f.BOOKS) if r.random() < 0.5 else "The " + upper_first(any_word(r)) + " " + upper_first(any_word(r)),
            g=upper_first(invented_word(r)),
            a=r.choice(f.PETS),
            j=r.choice(f.CATEGORIES["jobs"]),
            h=r.choice(
                [
                    number_words(r.randint(1, 12)),
                    f"{r.randint(6, 23)}:{r.choice(['00', '15', '30', '45'])}",
                    f"{r.randint(1, 12)} o'clock",
                ]
            ),
        )
        v.update(aa=article(v["a"]), aj=article(v["j"]))
        statement, asked, answer = relation
        statement = say(r, statement, **v)
        asked = r.choice(asked)
        if "|[" in asked or "|The" in asked:
            asked, answer = asked.rsplit("|", 1)
        if answer is None:
            unit = next(w for w in ("inhabitants", "employees", "rooms", "floors") if w in statement)
            asked, answer = f"How many {unit} does [g] have?", f"[g] has [n] {unit}."
        statements.append(statement)
        questions.append((asked, answer, v))
    return " ".join(statements), questions


def context(c):
    r = c.r
    text, questions = given_facts(c, r.choice([1, 2, 2, 3, 4, 6]))
    lead = r.choice(
        ["Context: ", "Context:\n", "Here is {some |}context:\n", "Use this information: ", "Facts: ", "{Some|These} notes: ", ""]
    )
    if (not c.messages and r.random() < 0.5) or r.random() < 0.15:
        c.add("system", say(r, ["", "You are a helpful assistant. ", "Answer from the context. "]) + say(r, lead) + text)
    elif r.random() < 0.3:  # question in the same message
        asked, answer, v = r.choice(questions)
        shown = say(r, lead or "Context: ")
        c.ask(["[t]\n\n{Question: |}" + asked, "[t]\n" + asked], answer, verbatim=r.random() < 0.5, t=shown + text, **v)
        c.must = answer_values(answer, v)
    else:
        c.ask(
            ["[t]", "{Please r|R}emember this: [t]", "Read this: [t]", "I'll tell you something. [t]"],
            [
                "{Thanks|Okay|Got it|All right}{!|.} {What would you like to know?|Ask me about it.|I've read it.|I'll remember"
                " that.}"
            ],
            verbatim=r.random() < 0.6,
            t=say(r, lead) + text,
        )
        c.must = []
    if r.random() < 0.3:
        ONE_TURN[r.choice(list(ONE_TURN))][1](c)
    for asked, answer, v in r.sample(questions, min(len(questions), r.choice([1, 1, 2, 3]))):
        ask_given(c, asked, answer, v)
    if r.random() < 0.12:
        who = invented_name(r)
        c.ask(
            [
                "Where does [p] live?",
                "How old is [p]?",
                "What is [p]'s job?",
                "What does [p] like?",
                "Who is [p]?",
                "When was [p] born?",
            ],
            ["{The context doesn't say that|I don't know [p]|You haven't told me about [p]}{.| yet.}"],
            p=who,
        )


def answer_values(answer, v):
    return [str(v[k]) for k in "pqcnfksmdiyoxbgajh" if f"[{k}]" in answer]


def ask_given(c, asked, answer, v):
    c.ask(asked, answer, answer_values(answer, v), **v)
