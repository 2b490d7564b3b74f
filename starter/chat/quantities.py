"""Comparisons, sequences, parity, word problems, percentages, units."""

from names import invented_name

UNITS = [
    ("metre", "centimetre", 100),
    ("kilometre", "metre", 1000),
    ("centimetre", "millimetre", 10),
    ("kilogram", "gram", 1000),
    ("litre", "millilitre", 1000),
    ("hour", "minute", 60),
    ("minute", "second", 60),
    ("day", "hour", 24),
    ("week", "day", 7),
    ("year", "month", 12),
    ("ton", "kilogram", 1000),
    ("foot", "inch", 12),
    ("dozen", "piece", 12),
    ("euro", "cent", 100),
]


def plural(word, n=2):
    return word if n == 1 or word == "dozen" else {"foot": "feet", "inch": "inches"}.get(word, word + "s")


def numbers(c):
    """Comparisons, sequences, parity, word problems, percentages, units."""
    r, pick = c.r, c.r.randrange(11)
    n, m = r.randint(1, 200), r.randint(1, 200)
    if pick == 0:
        if n == m:
            m += 1
        big = r.random() < 0.5
        word = "{larger|bigger|greater|more}" if big else "{smaller|less|lower}"
        c.ask(
            f"{{Which|Which number|What}} is {word}{{,|:}} [n] or [m]?",
            "[z] is [w] than [o].",
            str(max(n, m) if big else min(n, m)),
            n=n,
            m=m,
            z=max(n, m) if big else min(n, m),
            o=min(n, m) if big else max(n, m),
            w="larger" if big else "smaller",
        )
    elif pick == 1:
        c.ask(
            ["Is [n] {larger|greater|bigger} than [m]?"],
            "Yes, [n] is larger than [m]." if n > m else "No, [n] is smaller than [m]." if n < m else "No, they are equal.",
            "yes" if n > m else "no",
            n=n,
            m=m,
        )
    elif pick == 2:
        c.ask(
            ["Is [n] {even or odd|odd or even}?", "Is [n] an {even|odd} number?", "Even or odd: [n]?"],
            "[n] is [w].",
            "even" if n % 2 == 0 else "odd",
            n=n,
            w="even" if n % 2 == 0 else "odd",
        )
    elif pick == 3:
        step = r.choice([1, 2, 3, 5, 10])
        items = [n + step * i for i in range(4)]
        c.ask(
            [
                "{What comes next|What is the next number|Which number comes next|Continue}: [s]{?|...|}",
                "Continue the {row|sequence|series} [s]{.| ...}",
            ],
            "[z], because each number is [k] more.",
            str(items[-1] + step),
            s=", ".join(map(str, items)),
            z=items[-1] + step,
            k=step,
        )
    elif pick == 4:
        (
            c.ask(
                ["{What|Which number} comes after [n]?", "What is the number after [n]?"],
                "[z] comes after [n].",
                str(n + 1),
                n=n,
                z=n + 1,
            )
            if r.random() < 0.5
            else c.ask(["{What|Which number} comes before [n]?"], "[z] comes before [n].", str(n - 1), n=n, z=n - 1)
        )
    elif pick == 5:
        who, thing, a, b = (
            invented_name(r),
            plural(r.choice(["apple", "book", "ball", "marble", "sweet", "pencil", "coin", "egg", "card"])),
            r.randint(2, 60),
            r.randint(1, 30),
        )
        if r.random() < 0.5:
            c.ask(
                "[p] has [a] [t] and {gets|buys|finds|is given} [b] more. How many [t] does [p] have{ now|}?",
                "[a] + [b] = [z], so [p] has [z] [t].",
                str(a + b),
                p=who,
                t=thing,
                a=a,
                b=b,
                z=a + b,
            )
        else:
            a += b
            c.ask(
                "[p] has [a] [t] and {loses|gives away|sells|eats} [b]. How many [t] {are left|does [p] have now|remain}?",
                "[a] - [b] = [z], so [p] has [z] [t] left.",
                str(a - b),
                p=who,
                t=thing,
                a=a,
                b=b,
                z=a - b,
            )
    elif pick == 6:
        a, b, thing = r.randint(2, 12), r.randint(2, 12), plural(r.choice(["apple", "book", "ball", "pencil", "egg", "card"]))
        c.ask(
            "There are [a] {boxes|bags|baskets} with [b] [t] each. How many [t] are there{ in all| altogether|}?",
            "[a] × [b] = [z], so there are [z] [t].",
            str(a * b),
            a=a,
            b=b,
            t=thing,
            z=a * b,
        )
    elif pick == 7:
        p, n = r.choice([5, 10, 20, 25, 50, 75, 100]), r.choice(
            [20, 40, 60, 80, 100, 120, 140, 160, 180, 200, 300, 400, 500, 600, 800, 1000, 2000]
        )
        c.ask(
            "{What is|How much is|Calculate|What's} [p]{%| percent} of [n]?",
            "[p]% of [n] is [z].",
            str(p * n // 100),
            p=p,
            n=n,
            z=p * n // 100,
        )
    elif pick == 8:
        big, small, k = r.choice(UNITS)
        n = r.randint(1, 20)
        c.ask(
            [
                "How many [s] are {in |}[n] [b]?",
                "Convert [n] [b] {to|into} [s].",
                "[n] [b] in [s]{?|}",
                "What is [n] [b] in [s]?",
            ],
            "[n] [b] {is|are} [z] [s]." if n > 1 else "1 [b] is [z] [s].",
            str(n * k),
            s=plural(small),
            b=plural(big, n),
            n=n,
            z=n * k,
        )
    elif pick == 9:
        n = r.randint(1, 100) * 2
        if r.random() < 0.5:
            c.ask(
                ["What is half of [n]?", "{Half|The half} of [n]?", "What's one half of [n]?"],
                "Half of [n] is [z].",
                str(n // 2),
                n=n,
                z=n // 2,
            )
        else:
            c.ask(["{What is|What's} {twice|double} [n]?", "Double [n]{.|}"], "Twice [n] is [z].", str(n * 2), n=n, z=n * 2)
    else:
        n = r.randint(0, 30) if r.random() < 0.7 else r.choice([32, 40, 45, 50, 60, 64, 70, 80, 90, 100])
        if r.random() < 0.5:
            n = min(n, 20)
            c.ask(
                ["What is [n] squared?", "{What's|Calculate} the square of [n]{?|.}"],
                "[n] squared is [z].",
                str(n * n),
                n=n,
                z=n * n,
            )
        else:
            n = r.randint(1, 15)
            c.ask(
                ["What is the square root of [s]?", "{What's|Calculate} the root of [s]{?|.}"],
                "The square root of [s] is [n].",
                str(n),
                s=n * n,
                n=n,
            )
