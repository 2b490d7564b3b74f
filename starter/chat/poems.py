"""Little poems."""

import facts as f
from names import invented_name
from stories import HEROES, PLACES
from writing import say

HAIKU = {
    5: [
        "The old pond is still",
        "Soft wind in the pines",
        "Morning light returns",
        "A small bird takes wing",
        "Snow on quiet hills",
        "The moon climbs the hill",
        "Rain taps on the roof",
        "Leaves drift to the ground",
        "Stars above the sea",
        "The garden wakes up",
        "Night folds the village",
        "One warm cup of tea",
    ],
    7: [
        "a frog looks up at the sky",
        "and the river sings along",
        "every leaf remembers spring",
        "while the city slowly sleeps",
        "clouds are sailing far away",
        "someone hums a gentle song",
        "footsteps vanish in the sand",
        "all the windows catch the light",
    ],
}
LINES = [
    "The [w] is {shining|singing|dreaming} {in the light|in the night|so bright}",
    "I see the [w] {far away|every day|at play}",
    "A little [w] {came to me|by the sea|under the tree}",
]
COUPLETS = [
    ("The sun goes down behind the hill,", "the evening air is soft and still."),
    ("A little [w] sat by the sea,", "and waved its hand at you and me."),
    ("I found a [w] along the way,", "it made me smile for all the day."),
    ("The stars come out, the moon is bright,", "the world is wrapped in gentle night."),
    ("Oh [w], oh [w], how fine you are,", "you shine for me just like a star."),
    ("The rain may fall, the wind may blow,", "but in the spring the flowers grow."),
    ("I thought of [w] and sang a song,", "and all my friends, they sang along."),
    ("When morning comes I open wide", "the door and let the light inside."),
]


def poem(c):
    r = c.r
    draw = r.random()
    word = r.choice(f.WORDS + PLACES + HEROES)
    if draw < 0.35:
        a, b = r.sample(HAIKU[5], 2)
        c.ask(
            [
                "{Write|Compose|Give me|Make} a haiku{.| please.| about nature.}",
                "A haiku{, please|}.",
                "Can you write a haiku?",
                "Write a haiku about {spring|the moon|the rain|nature|winter}.",
            ],
            "[a],\n[m],\n[b].",
            "",
            a=a,
            m=r.choice(HAIKU[7]),
            b=b[0].lower() + b[1:],
        )
    elif draw < 0.75:
        lines = r.sample(COUPLETS, 2)
        if not any("[w]" in x for x, _ in lines):
            lines[0] = COUPLETS[r.choice([1, 2, 4, 6])]
        word = r.choice(f.WORDS)
        c.ask(
            [
                "{Write|Compose|Make|Tell me} a {short |little |}poem about {the |a |}[w].",
                "A poem about {a |the |}[w]{, please|}.",
                "Can you write a poem about [w]?",
            ],
            "[x]",
            word,
            w=word,
            x="\n".join(say(r, line, w=word) for couplet in lines for line in couplet),
        )
    elif draw < 0.9:
        who = c.fresh(lambda: invented_name(r))
        what = r.choice(["birthday", "new year", "wedding", "exam", "holiday", "first day at work"])
        c.ask(
            [
                "{Write|Give me} a {birthday|[o]} {wish|greeting|message} for [n].".replace("birthday|", ""),
                "Write [n] a {wish|message} for the [o].",
            ],
            ["Dear [n], all the best for your [o]! May it be {bright|happy|wonderful} and full of {joy|luck|good surprises}."],
            who,
            n=who,
            o=what,
        )
    else:
        c.ask(
            [
                "{Give me|Tell me} a {nice |}{quote|saying|motto}{.| for today.}",
                "Say something {encouraging|motivating}.",
                "{Cheer me up|Motivate me}{.|!}",
            ],
            [
                "{Every small step counts.|A calm mind sees further.|Begin, and the rest becomes easier.|Kind words cost nothing"
                " and travel far.|Today is a good day to learn something new.|Patience turns hard things into easy ones.}"
            ],
            "",
        )
