"""Games with words: spelling, reversing, counting, case, rhymes, order, translation."""

import facts as f
from names import any_word, invented_name, invented_word
from writing import join, say, upper_first


def letters(word, sep="-"):
    return sep.join(word.upper())


def word_game(c, pick=None):

    r = c.r
    pick = r.randrange(14) if pick is None else pick
    word = c.fresh(lambda: r.choice(f.WORDS) if r.random() < 0.5 else invented_word(r))
    if pick in (0, 1):
        c.ask(
            [
                "{Spell|How do you spell|Please spell|Can you spell} {the word |}[w]{ for me|}{?|.}",
                'Spell "[w]".',
                "[w], spelled out letter by letter{.| please.}",
                "Spell [w] letter by letter.",
            ],
            "[w]: [s]",
            letters(word),
            w=word,
            s=letters(word),
            verbatim=r.random() < 0.5,
        )
    elif pick == 2:
        word = word[:8]
        c.ask(
            [
                "{Reverse|Write backwards|Turn around} {the word |}[w]{.|}",
                "{What is|What's} [w] {backwards|in reverse|reversed}?",
                "Say [w] backwards.",
            ],
            "[s] backwards is [t], so: [z]",
            word[::-1],
            w=word,
            s=letters(word),
            t=letters(word[::-1]),
            z=word[::-1],
        )
    elif pick == 3:
        c.ask(
            ["How many letters {are in|does} {the word |}[w]{ have|}?", "Count the letters {in|of} [w]."],
            "[s] has [n] letters.",
            str(len(word)),
            w=word,
            s=letters(word),
            n=len(word),
        )
    elif pick == 4:
        words = [r.choice(f.WORDS) for _ in range(r.randint(2, 7))]
        c.ask(
            [
                "How many words are in {this|the sentence|the phrase}: [w]{?|}",
                "Count the words: [w]",
                'How many words does "[w]" have?',
            ],
            "[x]: that's [n] words.",
            str(len(words)),
            w=" ".join(words),
            x=", ".join(f"{w} ({i + 1})" for i, w in enumerate(words)),
            n=len(words),
        )
    elif pick == 5:
        words = " ".join(r.choice(f.WORDS) if r.random() < 0.7 else invented_word(r) for _ in range(r.randint(1, 4)))
        if r.random() < 0.65:
            c.ask(
                [
                    "{Write|Put|Convert|Say} [w] in {upper case|uppercase|capital letters|capitals|upper-case letters}.",
                    "{Upper-case|Uppercase|Capitalize all letters of}: [w]",
                    "Make this upper case: [w]",
                    "{To|In} upper case: [w]",
                ],
                "[z]",
                words.upper(),
                w=words,
                z=words.upper(),
            )
        else:
            c.ask(
                [
                    "{Write|Put|Convert} [w] in {lower case|lowercase|small letters}.",
                    "Make this lower case: [w]",
                    "{In|To} lower case: [w]",
                ],
                "[z]",
                words,
                w=words.upper(),
                z=words,
                verbatim=True,
            )
    elif pick == 6:
        group = r.choice(f.RHYMES)
        first, others = group[0], group[1:]
        if r.random() < 0.5:
            first = r.choice(group)
            others = [w for w in group if w != first]
        r.shuffle(others)
        c.ask(
            [
                (
                    "{What rhymes with|What words rhyme with|Which words rhyme with|Find rhymes for|Give me rhymes for|Name some"
                    " rhymes for|Rhymes for} [w]{?|.}"
                ),
                "{Tell me|Find|Give me} a word that rhymes with [w].",
            ],
            "{Words that rhyme with [w] are|Some rhymes for [w]:|These words rhyme with [w]:} [x].",
            others[0] + "|" + "|".join(others[1:]),
            w=first,
            x=join(others[: r.randint(2, 4)]),
        )
    elif pick == 7:
        words = r.sample(f.WORDS, r.randint(3, 5))
        c.ask(
            [
                "{Sort|Order|Put} [w] {alphabetically|in alphabetical order}.",
                "{Sort|Order} these words {alphabetically|in alphabetical order}: [w]",
                "Alphabetical order: [w]",
                "Put these words in alphabetical order: [w].",
            ],
            "In alphabetical order: [x].",
            ", ".join(sorted(words)),
            w=", ".join(words),
            x=", ".join(sorted(words)),
        )
    elif pick == 8:
        first = r.random() < 0.5
        c.ask(
            [
                f"What is the {'first' if first else 'last'} letter {{of|in}} {{the word |}}[w]?",
                f"{{Which|What}} letter does {{the word |}}[w] {'start' if first else 'end'} with?",
            ]
            + (["What does [w] begin with?"] if first else []),
            f"The {'first' if first else 'last'} letter of [w] is [x].",
            word[0 if first else -1].upper(),
            w=word,
            x=word[0 if first else -1].upper(),
        )
    elif pick == 9:
        n = r.randint(1, 7)
        said = " ".join(r.choice(f.WORDS) if r.random() < 0.6 else invented_word(r) for _ in range(n))
        said = said if r.random() < 0.5 else upper_first(said) + r.choice([".", "!", ""])
        if r.random() < 0.3:
            said = say(
                r,
                [
                    "I {like|love|see} [x].",
                    "The [w] is {red|blue|big|small|under the [x]}.",
                    "Hello, [x]!",
                    "My [w] likes [x].",
                    "Today I {saw|bought|found} a [w].",
                ],
                w=any_word(r),
                x=r.choice(f.WORDS),
            )
        c.ask(
            [
                "{Repeat after me|Repeat|Say|Please repeat|Please say|Echo|Write|Repeat this|Say this|Repeat this sentence}: [t]",
                'Say "[t]".',
                'Can you say "[t]"?',
                "{Repeat|Say} exactly: [t]",
            ],
            "[t]",
            said,
            t=said,
            verbatim=True,
        )
    elif pick == 10 and r.random() < 0.35:
        who = c.fresh(lambda: invented_name(r))
        c.ask(
            [
                "{Say hello to|Greet|Say hi to|Welcome} {my friend |my |}[n]{.|!| please.}",
                "{This is my friend|Here is} [n]. {Say hello|Say hi}{.|!}",
            ],
            "{Hello|Hi}, [n]! {Nice to meet you.|How are you?|}",
            who,
            n=who,
        )
    elif pick == 10:
        c.ask(
            [
                "{Make|Write|Form|Give me} a sentence with {the word |}[w].",
                "Use [w] in a sentence.",
                "A sentence with the word [w]{, please|}.",
            ],
            [
                "{Yesterday I|Today I} {saw|found|heard about} the [w] {near the river|in the garden|at the market|at school}.",
                "My {friend|sister|neighbour} {talks about|remembers|likes} the [w] every day.",
                "The [w] was {the best part of the day|new to me|a nice surprise}.",
            ],
            word,
            w=word,
        )
    else:
        translate(c)


def translate(c):
    r = c.r
    row = r.choice(f.TRANSLATIONS)
    i = r.randint(1, 4)
    english, foreign, language = row[0], row[i], f.LANGUAGES[i - 1]
    if r.random() < 0.68:
        c.ask(
            [
                '{How do you say|How do I say|What is|Say|Tell me} "[e]" in [l]?',
                "{How do you say|How do I say|What is|What's|Say} [e] in [l]{?|.}",
                "Translate [e] {to|into} [l].",
                'Translate "[e]" {to|into} [l].',
                "What's the [l] word for [e]?",
                "[e] in [l]{?|}",
                "What does [e] mean in [l]?",
                "Translate {to|into} [l]: [e]",
            ],
            ['"[E]" in [l] is "[f]".', 'In [l], "[e]" is "[f]".'],
            foreign,
            e=english,
            E=upper_first(english),
            l=language,
            f=foreign,
        )
        if r.random() < 0.3 and not c.heldout:
            j = r.choice([k for k in range(1, 5) if k != i])
            c.ask(
                ["And in [l]?", "What about [l]?", "{And|How about} in [l]{?|}", "In [l]?"],
                ['"[E]" in [l] is "[f]".'],
                row[j],
                l=f.LANGUAGES[j - 1],
                E=upper_first(english),
                f=row[j],
            )
    else:
        same = [x[0] for x in f.TRANSLATIONS if x[i] == foreign]
        c.ask(
            [
                "What does {the [l] word |}[f] mean{ in English|}?",
                'What does the [l] word "[f]" mean?',
                "Translate [f] {from [l] |}{to|into} English.",
                "What is [f] in English?",
                'What does "[f]" mean in [l]?',
            ],
            ['"[F]" means "[e]"{ in English|}.', 'The [l] word "[f]" means "[e]".'],
            same[0],
            l=language,
            f=foreign,
            F=upper_first(foreign),
            e=same[0],
        )
