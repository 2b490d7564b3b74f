"""Little stories."""

import facts as f
from names import invented_name
from writing import article, say, upper_first


def sentence_parts(r, hero, place):
    return {
        "h": hero,
        "H": upper_first(hero),
        "p": place,
        "w": r.choice(f.WORDS),
        "n": invented_name(r),
        "a": r.choice(f.CATEGORIES["animals"]),
        "t": r.choice(
            [
                "a golden key",
                "an old map",
                "a shining stone",
                "a tiny bell",
                "a lost letter",
                "a blue feather",
                "a warm light",
                "a silver coin",
            ]
        ),
    }


BEGIN = [
    "{Once upon a time|Long ago|One morning|One quiet evening|Last summer}, [h] {lived|was walking|woke up} {in|near} [p].",
    "There was once [h] who {lived|dreamed of adventures} in [p].",
    "Deep in [p] lived [h].",
]
MIDDLE = [
    "One day, [H2] found [t] {under a tree|by the river|in the grass|behind a stone}.",
    "Suddenly, [H2] heard {a strange sound|someone calling|soft music} and {followed it|went to look}.",
    "{A wise owl|A small mouse|An old turtle|A friendly fox} {came by and|appeared and} {offered to help|told [H2] a secret}.",
    "[H2u] {wanted to find a friend|wished to see the sea|was looking for home}.",
    "The way was {long|dark|steep}, but [H2] {did not give up|kept going|sang a little song}.",
    "{Rain began to fall|The wind grew cold|Night came}, and [H2] {looked for shelter|lit a small lamp}.",
]
END = [
    "In the end, [H2] {was happy and proud|came home with a smile|had a new friend}.",
    "{From that day on|And so}, [H2] {was never alone|shared everything with friends|knew that courage grows step by step}.",
    "And everyone in [p] {celebrated|danced} until {the moon rose|morning}.",
]
HEROES = [
    "dragon",
    "knight",
    "robot",
    "princess",
    "wizard",
    "pirate",
    "girl",
    "boy",
    "king",
    "queen",
    "astronaut",
    "farmer",
    "baker",
    "ghost",
    "mermaid",
] + f.CATEGORIES["animals"]
PLACES = [
    "the forest",
    "a small village",
    "the mountains",
    "a castle",
    "the desert",
    "a big city",
    "the sea",
    "a quiet valley",
    "an old garden",
    "the moon",
    "a snowy land",
    "a library",
]


def tale(r, hero, name, place, parts):
    """Beginning, parts middle sentences and an end."""
    first = f"{article(hero)} named {name}" if name else article(hero)
    short = name or "the " + hero
    v = sentence_parts(r, first, place)
    v.update(H2=short, H2u=upper_first(short))
    middle = [say(r, t, **v) for t in r.sample(MIDDLE, parts)]
    return say(r, BEGIN, **v), middle, say(r, END, **v), v


def story(c):
    r = c.r
    hero = r.choice(HEROES)
    name = c.fresh(lambda: invented_name(r)) if r.random() < 0.5 else ""
    place = r.choice(PLACES)
    begin, middle, end, v = tale(r, hero, name, place, r.choice([1, 2, 2, 3]))
    about = (
        article(hero)
        + (f" {r.choice(['named', 'called'])} {name}" if name else "")
        + (f" in {place}" if r.random() < 0.35 else "")
    )
    c.ask(
        [
            "{Tell me|Write|Make up|Tell|I want to hear|Can you tell me} a {short |little |}story about [x]{.|}",
            "A {short |}story about [x]{, please|}.",
            "Write me a {short |bedtime |}story about [x].",
        ]
        + (["Tell me a story{.| please.}", "Write a {short |}story."] if not name else []),
        "[s]",
        name or "",
        x=about,
        s=" ".join([begin, *middle, end]),
    )
    c.must = [name] if name else []
    if c.heldout:
        return
    draw = r.random()
    if draw < 0.2:
        c.ask(
            [
                "Continue{.|!}",
                "Go on{.|!}",
                "{And then|What happened next|What happened then}?",
                "Tell me more.",
                "Continue the story.",
            ],
            "[s]",
            "",
            s=" ".join(
                [
                    say(
                        r,
                        [
                            "The next day, [H2] {set out again|went for a walk|met an old friend}.",
                            "But the story does not end there.",
                        ],
                        **v,
                    ),
                    say(r, MIDDLE, **v),
                    say(r, END, **v),
                ]
            ),
        )
    elif draw < 0.32:
        c.ask(
            ["{Make it shorter|Shorter}{, please|}.", "Can you make it shorter?", "{Summarise|Sum up} the story."],
            "[s]",
            "",
            s=begin + " " + end,
        )
    elif draw < 0.42:
        hero2 = r.choice(HEROES)
        begin, middle, end, v = tale(r, hero2, "", r.choice(PLACES), 2)
        c.ask(
            ["Another one{, please|}{.|!}", "{Tell me another story|One more|Another story}{.|!}"],
            "[s]",
            "",
            s=" ".join([begin, *middle, end]),
        )
    elif draw < 0.55 and name:
        c.ask(
            ["What was the {name of the [h]|[h]'s name|hero's name}?", "Who was the story about?"],
            "The story was about {[n]|[a] named [n]}.",
            name,
            h=hero,
            n=name,
            a=article(hero),
        )
