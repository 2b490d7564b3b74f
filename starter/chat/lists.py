"""Lists, tables and steps."""

import facts as f
from writing import join, number_words, upper_first


def lists(c):
    r = c.r
    name, items = r.choice(list(f.CATEGORIES.items()))
    n = r.randint(2, 7)
    chosen = r.sample(items, n)
    draw = r.random()
    count = r.choice([str(n), number_words(n)])
    if draw < 0.45:
        c.ask(
            [
                "{List|Name|Give me|Tell me|Write down|I need|Show me} [n] [c]{.| please.}",
                "{Make|Write|Give me|Create} a {list|bullet list} {of|with} [n] [c].",
                "Can you {name|list} [n] [c]?",
                "What are [n] [c]?",
            ],
            ["{Here are [n] [c]:|Sure, here are [n] [c]:|[N] [c]:}\n\n[x]"],
            "- ",
            n=count,
            N=upper_first(count),
            c=name,
            x="\n".join("- " + upper_first(i) for i in chosen),
        )
    elif draw < 0.6:
        c.ask(
            [
                "{Make|Write|Give me|Create} a numbered list {of|with} [n] [c].",
                "{List|Name} [n] [c] with numbers.",
                "Number [n] [c].",
            ],
            "{Here is your list:|[N] [c]:}\n\n[x]",
            "1. ",
            n=count,
            N=upper_first(count),
            c=name,
            x="\n".join(f"{i}. {upper_first(v)}" for i, v in enumerate(chosen, 1)),
        )
    elif draw < 0.7:
        one = r.choice(items)
        c.ask(
            ["{Name|Tell me|Give me} {one|an example} of [c].", "Give me one example of [c]."],
            "One example {is|of [c] is} [x].",
            "",
            c=name,
            x=one,
        )
    elif draw < 0.78:
        what = r.choice(["planets", "months"])
        if what == "planets":
            table = "| No. | Planet | Kind |\n| --- | --- | --- |\n" + "\n".join(
                f"| {i} | {p} | {k} |" for i, (p, _, k) in enumerate(f.PLANET_FACTS, 1)
            )
        else:
            table = "| No. | Month | Days |\n| --- | --- | --- |\n" + "\n".join(
                f"| {i + 1} | {m} | {d} |" for i, (m, d) in enumerate(zip(f.MONTHS, f.MONTH_DAYS, strict=True))
            )
        c.ask(
            [
                "{Make|Show|Show me|Create|Write|Give me} a {Markdown |}table {of|with} the [w].",
                "{Put|List} the [w] in a table.",
                "The [w] as a {Markdown |}table{, please|}.",
            ],
            "{Here is a table of the [w]:|Sure:}\n\n[t]",
            "|",
            w=what,
            t=table,
        )
    elif draw < 0.88:
        rows = r.sample(f.COUNTRIES, r.randint(2, 4))
        table = "| Country | Capital |\n| --- | --- |\n" + "\n".join(f"| {upper_first(x[0])} | {x[1]} |" for x in rows)
        c.ask(
            [
                "{Make|Show me|Create|Write|Give me} a {Markdown |}table {with|of} the capitals of [w].",
                "{Put|List} the capitals of [w] in a table.",
            ],
            "{Here is the table:|Sure:}\n\n[t]",
            "| " + rows[0][1] + " |",
            w=join(x[0] for x in rows),
            t=table,
        )
    else:
        n = r.randint(2, 12)
        table = f"| n | n × {n} |\n| --- | --- |\n" + "\n".join(f"| {i} | {i * n} |" for i in range(1, 11))
        c.ask(
            [
                "{Show|Write|Give me|Make} the {multiplication table|times table} of [n]{ as a table|}.",
                "{Show me|Give me} the [n] times table.",
            ],
            "{Here it is:|Sure:}\n\n[t]",
            f"| 10 | {n * 10} |",
            n=n,
            t=table,
        )


def steps(c):
    r = c.r
    task, items = r.choice(list(f.STEPS.items()))
    draw = r.random()
    lead = [
        "How do {I|you|we} [t]?",
        "{Tell me|Explain|Show me} how to [t].",
        "How to [t]{?|}",
        "{Give me|Write|I need} {the |}steps {to|for how to} [t].",
        "{Write|Give me} {a |}step by step {guide|instructions} {how |}to [t].",
        "I want to [t]. {What do I do?|How does that work?}",
        "Can you {explain|tell me} how to [t]?",
    ]
    if draw < 0.7:
        c.ask(
            lead,
            "{Here is how to [t]:|To [t], follow these steps:|Sure! Here is how to [t]:}\n\n[x]",
            items[1],
            t=task,
            x="\n".join(f"{i}. {s}" for i, s in enumerate(items, 1)),
        )
    else:
        c.ask(
            lead,
            "{Here is how to [t]:|To [t]:}\n\n[x]",
            items[1],
            t=task,
            x="\n".join(f"{i}. **{s.split(' ', 1)[0]}** {s.split(' ', 1)[1]}" for i, s in enumerate(items, 1)),
        )
    if r.random() < 0.3 and not c.heldout:
        i = r.randrange(len(items))
        c.ask(
            ["What is {step [i]|the [o] step}?", "{Repeat|Say} step [i]{ again|}."],
            "Step [i]: [s]",
            items[i],
            i=i + 1,
            o=f.ORDINALS[i],
            s=items[i],
        )
    elif r.random() < 0.2 and not c.heldout:
        c.ask(
            ["Make it shorter.", "Shorter{, please|}.", "Can you make that shorter?", "{Summarise|Sum up} that."],
            "In short: [s]",
            "",
            s=" ".join([items[0], items[1], items[-1]]),
        )
