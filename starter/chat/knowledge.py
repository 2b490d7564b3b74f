"""Questions that the tables of facts.py answer."""

import facts as f
from writing import article, join, upper_first


def country(c, field=None, row=None):
    r = c.r
    name, capital, continent, language, money = row = row or r.choice(f.COUNTRIES)
    field = field if field is not None else r.randrange(6)
    is_are = "are" if name in ("the Netherlands", "the Philippines") else "is"
    v = {"c": name, "C": upper_first(name), "k": capital, "o": continent, "l": language, "m": money}
    if field == 0:
        c.ask(
            [
                "{What is|What's|Tell me|Name|Do you know|Say} the capital {city |}of [c]?",
                "Which city is the capital of [c]?",
                "[C]'s capital?",
                "What is [c]'s capital{ city|}?",
                "Capital of [c]{?|}",
                "{Hey, w|W}hat's the capital of [c]{ please|}?",
            ],
            ["The capital of [c] is [k].", "[k] is the capital of [c]."],
            capital,
            **v,
        )
    elif field == 1:
        c.ask(
            [
                "{Which|What} country has [k] as {its |}capital{ city|}?",
                "[k] is the capital of which country?",
                "[k] is the capital of {what|which country}?",
                "Of which country is [k] the capital?",
                "Which country's capital is [k]?",
            ],
            ["[k] is the capital of [c]."],
            name,
            **v,
        )
    elif field == 2:
        c.ask(
            [
                f"{{On|In}} {{which|what}} continent {is_are} [c]?",
                f"{{Which|What}} continent {is_are} [c] {{in|on}}?",
                "Which continent does [c] belong to?",
                f"Where {is_are} [c]?",
            ],
            f"[C] {is_are} in [o].",
            continent,
            **v,
        )
    elif field == 3:
        c.ask(
            [
                "{Which|What} language {is spoken|do people speak|do they speak} in [c]?",
                "What is the {main |}language {of|in} [c]?",
                "What language does [c] {speak|have}?",
            ],
            ["{The main language of|The main language in} [c] is [l].", "People in [c] mainly speak [l]."],
            language,
            **v,
        )
    elif field == 4:
        c.ask(
            [
                "What is the currency {of|in} [c]?",
                "{Which|What} {currency|money} {is used|do people use|do they use} in [c]?",
                "How do people pay in [c]?",
                "What money do they have in [c]?",
            ],
            ["The currency of [c] is the [m].", "In [c], people pay with the [m]."],
            money,
            **v,
        )
    else:
        c.ask(
            ["Tell me {something |}about [c].", "What do you know about [c]?", "Describe [c]{ briefly|}."],
            f"[C] {is_are} in [o]. The capital is [k], the main language is [l], and the currency is the [m].",
            capital,
            **v,
        )
    if field in (0, 3, 4) and not c.heldout and r.random() < 0.35:
        country_follow(c, field)


def country_follow(c, field):
    r = c.r
    name, capital, _, language, money = r.choice(f.COUNTRIES)
    reply, key = {
        0: ("The capital of [c] is [k].", capital),
        3: ("The main language of [c] is [l].", language),
        4: ("The currency of [c] is the [m].", money),
    }[field]
    c.ask(
        ["And of [c]?", "And [c]?", "What about [c]?", "And {in|for} [c]?", "How about [c]?", "[c]?"],
        reply,
        key,
        c=name,
        k=capital,
        l=language,
        m=money,
    )


def order(c):
    """Planets, months, days, seasons in order."""
    r = c.r
    label, items = r.choice([("planet", f.PLANETS), ("month", f.MONTHS), ("day", f.DAYS), ("season", f.SEASONS)])
    i = r.randrange(len(items))
    pick, last = r.randrange(5), len(items) - 1
    tail = {"planet": " from the Sun", "month": " of the year", "day": " of the week", "season": " of the year"}[label]
    if pick == 0 and (label != "planet" or i < last):
        c.ask(
            [
                f"{{Which|What}} {label} comes {{after|right after|next after}} [a]?",
                "What comes after [a]?",
                f"{{Which|What}} {label} follows [a]?",
            ],
            ["[b] comes after [a]."],
            items[(i + 1) % len(items)],
            a=items[i],
            b=items[(i + 1) % len(items)],
        )
    elif pick == 1 and (label != "planet" or i > 0):
        c.ask(
            [f"{{Which|What}} {label} {{comes|is}} before [a]?", "What comes before [a]?"],
            ["[b] comes before [a]."],
            items[i - 1],
            a=items[i],
            b=items[i - 1],
        )
    elif pick == 2:
        c.ask(
            [f"{{Which|What}} is the [o] {label}{{{tail}|}}?", f"Name the [o] {label}{{{tail}|}}."],
            f"The [o] {label}{tail} is [a].",
            items[i],
            o=f.ORDINALS[i],
            a=items[i],
        )
    elif pick == 3 and label == "month":
        n = f.MONTH_DAYS[i]
        c.ask(
            ["How many days {does [a] have|are in [a]|has [a]}?"],
            "[a] has [n] days." if n != 28 else "[a] has 28 days, or 29 in a leap year.",
            str(n),
            a=items[i],
            n=n,
        )
    else:
        c.ask(
            [
                f"{{Name|List|Tell me|What are}} {{all |}}the {{{label}s|{label}s in order}}{{.|?}}",
                f"{{Which|What}} {label}s are there?",
            ],
            f"The {label}s{{ in order|}} are [x].",
            items[-1],
            x=join(items),
        )


def table_fact(c, pick=None):
    r = c.r
    pick = r.randrange(12) if pick is None else pick
    if pick == 0:
        name, symbol, number = r.choice(f.ELEMENTS)
        kind = r.randrange(4)
        if kind == 0:
            c.ask(
                ["What is the {chemical |}symbol {of|for} [n]?", "Which symbol does [n] have?", "Chemical symbol {of|for} [n]?"],
                ["The {chemical |}symbol {of|for} [n] is [s]."],
                symbol,
                n=name,
                s=symbol,
            )
        elif kind == 1:
            c.ask(
                [
                    "{Which|What} element has the symbol [s]?",
                    "What does [s] stand for in chemistry?",
                    "Which {chemical |}element is [s]?",
                ],
                ["[s] is the symbol {of|for} [n]."],
                name,
                n=name,
                s=symbol,
                verbatim=True,
            )
        elif kind == 2:
            c.ask(
                ["What is the atomic number of [n]?", "Which atomic number does [n] have?"],
                "The atomic number of [n] is [x].",
                str(number),
                n=name,
                x=number,
            )
        else:
            c.ask(
                ["{Which|What} element has {the |}atomic number [x]?"],
                "The element with atomic number [x] is [n].",
                name,
                n=name,
                x=number,
            )
    elif pick == 1:
        a, b, mixed = r.choice(f.MIXES)
        if r.random() < 0.5:
            a, b = b, a
        c.ask(
            [
                "{What colour|What color|What} do you get {when|if} you mix [a] and [b]?",
                "{What|Which colour} {do|does} [a] and [b] make?",
                "Mix [a] {and|with} [b].",
                "[a] plus [b] makes {what|which colour}?",
            ],
            ["[A] and [b] make [m]."],
            mixed,
            a=a,
            A=upper_first(a),
            b=b,
            m=mixed,
        )
    elif pick == 2:
        a, b = r.choice(f.OPPOSITES)
        if r.random() < 0.4 and sum(a2 == a or b2 == b for a2, b2 in f.OPPOSITES) == 1:
            a, b = b, a
        c.ask(
            [
                "{What is|What's|Tell me|Name} the opposite of [a]?",
                "Opposite of [a]{?|}",
                "What is the {antonym of|contrary of} [a]?",
                "[a] is the opposite of {what|which word}?",
                'Give me the opposite of "[a]".',
            ],
            ["The opposite of [a] is [b].", "[B] is the opposite of [a]."],
            b,
            a=a,
            b=b,
            B=upper_first(b),
        )
    elif pick == 3:
        a, b = r.choice(f.PLURALS)
        c.ask(
            [
                "{What is|What's|Tell me} the plural {form |}of [a]?",
                "Plural of [a]{?|}",
                "How do you write more than one [a]?",
                "One [a], two {what|...}?",
            ],
            ["The plural of [a] is [b]."],
            b,
            a=a,
            b=b,
        )
    elif pick == 4:
        a, b = r.choice(f.PASTS)
        c.ask(
            [
                "{What is|What's|Tell me} the {past tense|past form|past} of [a]?",
                'Past tense of "[a]"{?|}',
                "How do you say [a] in the past{ tense|}?",
            ],
            ["The past tense of [a] is [b]."],
            b,
            a=a,
            b=b,
        )
    elif pick in (5, 6):
        animal(c)
    elif pick in (7, 8):
        person(c)
    elif pick == 9:
        what, did, was, year = r.choice(f.EVENTS)
        c.ask(
            [
                "When did [e] [d]?",
                "In {which|what} year did [e] [d]?",
                "{Tell me when|Do you know when} [e] [w]{.|?}",
                "What year did [e] [d]?",
            ],
            ["[E] [w] in [y]."],
            year,
            e=what,
            E=upper_first(what),
            d=did,
            w=was,
            y=year,
        )
    elif pick == 10:
        planet, fact, kind = r.choice(f.PLANET_FACTS)
        c.ask(
            ["What is [p]?", "Tell me {something |}about {the planet |}[p].", "What do you know about {the planet |}[p]?"],
            "[p] is [x].",
            fact.split(",")[0],
            p=planet,
            x=fact,
        )
    else:
        asked, answer, key = r.choice(f.GENERAL)
        asked = [upper_first(a) + "?" if not a.startswith("name") else upper_first(a) + "." for a in asked]
        c.ask(
            [
                "{" + "|".join(asked) + "}",
                "{Can you tell me:|Do you know:|Tell me:|I wonder,|Hey,|Please tell me,|One question:|Quick question:} {"
                + "|".join(a[0].lower() + a[1:] for a in asked)
                + "}",
            ],
            answer,
            key,
        )


def animal(c):
    r = c.r
    name, kind, fact, young, legs, sound = r.choice(f.ANIMALS)
    pick = r.randrange(5)
    v = {"a": article(name), "A": upper_first(article(name)), "n": name, "y": young, "k": kind, "l": legs, "s": sound}
    if pick == 0:
        c.ask(
            [
                "What is {a baby [n]|a young [n]|the young of [a]} called?",
                "{What do you call|How do you call} a {baby|young} [n]?",
                "What's {a baby [n]'s name|the name for a baby [n]}?",
            ],
            ["A {young|baby} [n] is called {[Y]}."],
            young,
            Y=article(young),
            **v,
        )
    elif pick == 1:
        c.ask(
            ["How many legs does [a] have?", "How many legs has [a]?", "How many feet does [a] have?"],
            "[A] has [l] legs." if legs != "0" else "[A] has no legs.",
            legs if legs != "0" else "no legs",
            **v,
        )
    elif pick == 2:
        c.ask(
            ["What {sound|noise} does [a] make?", "What does [a] {say|do for a sound}?", "How does [a] sound?"],
            "[A] [s].",
            sound,
            **v,
        )
    elif pick == 3:
        c.ask(
            [
                "{What kind of animal|What type of animal|What} is [a]?",
                "Is [a] a mammal?",
                "What class of animal is [a]?",
                "To which group does [a] belong?",
            ],
            "[A] is [K].",
            kind,
            K=article(kind),
            **v,
        )
    else:
        c.ask(
            [
                "Tell me {something |a fact |an interesting fact |}about {[a]|[n]s}.",
                "What do you know about {[n]s|[a]}?",
                "{Give me|I want} a fact about [n]s.",
            ],
            "[F].",
            fact[:12],
            F=upper_first(fact),
            **v,
        )


def person(c):
    r = c.r
    name, born, where, known = r.choice(f.PEOPLE)
    was = "was" if int(born.split()[0]) < 1954 or name == "Albert Einstein" or "BC" in born else "is"
    who = known.split(" known ")[0]
    v = {"n": name, "b": born, "w": where, "k": known, "i": was}
    pick = r.randrange(5)
    short = name.split()[-1]
    if (
        sum(p[0].endswith(short) for p in f.PEOPLE) == 1
        and " of " not in name
        and " da " not in name
        and " van " not in name
        and r.random() < 0.25
    ):
        v["n"] = short
    if pick <= 1:
        c.ask(
            [
                f"Who {was} [n]?",
                "Tell me {something |}about [n].",
                "What do you know about [n]?",
                f"What {was} [n] known for?",
                f"What {was} [n]?",
                "Do you know [n]?",
            ],
            f"{name} {was} [k].",
            known.split("known ")[1].split(" ", 1)[1][:14],
            **v,
        )
    elif pick == 2:
        c.ask(
            ["When was [n] born?", "In {which|what} year was [n] born?", "What year was [n] born{ in|}?"],
            f"{name} was born in [b].",
            born,
            **v,
        )
    elif pick == 3:
        c.ask(
            ["Where was [n] born?", "In which place was [n] born?", "Where does [n] come from?"],
            f"{name} was born in [w].",
            where.split(",")[0],
            **v,
        )
    else:
        what = known.split("known ")[1]
        c.ask(
            ["Who {is|was} known [k]?", "{Which|What} [r] {is|was} known [k]?"],
            f"{name} {was} known [k].",
            name,
            k=what,
            r=who.split(" ", 1)[1],
        )


UNCOUNTED = set(
    f.words(
        "gravity, energy, electricity, photosynthesis, evolution, snow, rain, lightning, bread, honey, cheese, butter, "
        "soup, tea, coffee, salt, sugar, money, democracy, war, peace, freedom, justice, courage, friendship, love, "
        "happiness, sadness, anger, fear, hope, patience, honesty, kindness, curiosity, Python, HTML, JSON, Linux, "
        "Markdown, Whisper, oxygen, software, law, scissors, memory"
    )
)


def definition(c):
    r = c.r
    word, meaning = r.choice(f.DEFINITIONS)
    if word in UNCOUNTED:
        the, subject = word, upper_first(word)
    elif word in ("internet", "moon"):
        the, subject = "the " + word, "The " + word
    else:
        the, subject = article(word), upper_first(article(word))
    verb = "are" if word == "scissors" else "is"
    c.ask(
        [
            f"What {verb} [t]?",
            "{Define|Explain} [w]{.| please.| briefly.}",
            "What does {the word |}[w] mean?",
            "{What is the meaning of|What do you understand by} [w]?",
            "{Explain|Tell me} what [t] " + verb + ".",
            "{Give me|I need} {a |the }definition of [w].",
            "{Can you explain|Do you know} what [t] " + verb + "?",
        ],
        f"[s] {verb} [d].",
        meaning[:16],
        t=the,
        w=word,
        s=subject,
        d=meaning,
    )
