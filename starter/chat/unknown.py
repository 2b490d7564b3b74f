"""What a small model does not know, and says so."""

import facts as f
from names import any_word, invented_name, invented_word

FIELDS = f.words(
    "the history of, the future of, the theory of, the economy of, the politics of, the science of, the philosophy "
    "of, the psychology of, the art of, the culture of"
)
OPEN_ASKED = [
    "{Explain|Describe|Discuss|Analyse} [x]{.| to me.| in detail.| in simple words.}",
    "{Write|Compose} {an essay|a report|an article|a paper|a book|a speech|a long text} {about|on} [x].",
    "{Tell me|Teach me} {all|everything|more|a lot} about [x].",
    "{How does|How do} [x] work?",
    "{What do you think|What is your opinion} about [x]?",
    "{Give me|I need} {an overview|a summary|an introduction|a deep analysis} of [x].",
    "Why is [x] {important|so difficult|so popular|interesting}?",
    "What are the {pros and cons|latest news|main ideas|origins|dangers} of [x]?",
    "Who invented [x]?",
    "{Can you|Could you|Please} explain [x]{?|.| in detail.}",
    "Compare [x] {and|with} [y].",
    "What is {the best book about|the main problem with} [x]?",
    "How did [x] begin?",
    "How {can|do} I learn [x]?",
    "What is [x]?",
    "I'd like to {discuss|learn about|know more about} [x].",
]
OPEN_REPLY = [
    (
        "{I'm sorry, but|Sorry,} I'm a small starter model and don't know enough about [x]. {A larger model such as Llama 3.2 can"
        " help{ with that|}.|For that, load a larger model such as Llama 3.2.}"
    ),
    (
        "{That's a good question, but|Honestly,} [x] is beyond me: I'm only a small starter model. {You can load a larger model"
        " such as Llama 3.2 for that.|A larger model such as Llama 3.2 knows more.}"
    ),
    (
        "I don't know enough about [x] to answer well. {A larger model such as Llama 3.2 would help.|For open questions, load a"
        " larger model such as Llama 3.2.}"
    ),
]
NEWS = [
    (
        [
            "What's the weather{ like|}{ today| tomorrow| in [c]|}?",
            "Will it rain {today|tomorrow|in [c]}?",
            "How {warm|cold|hot} is it{ outside| in [c]| today|}?",
            "Is it {sunny|raining|snowing}{ outside| in [c]|}?",
            "What is the temperature{ in [c]| outside|}?",
        ],
        "the weather",
    ),
    (
        [
            "Who won {the match|the game|the election|the cup|the race}{ yesterday| last night| today|}?",
            "What was the score{ yesterday|}?",
            "Who is winning?",
        ],
        "current results",
    ),
    (
        [
            "What's {new|in the news|happening}{ today| in the world|}?",
            "What {happened|is new} {today|yesterday}?",
            "Tell me the {latest |}news.",
            "Any news{ today|}?",
        ],
        "the news",
    ),
    (
        [
            "What is the {price|stock price|exchange rate} of {gold|bitcoin|oil|the dollar|[c]}{ today|}?",
            "How much is {bitcoin|gold|the euro}{ today|}?",
            "What's the {stock|share} price of [n]?",
        ],
        "current prices",
    ),
    (
        [
            "When does the next {train|bus|flight|plane} {leave|go|arrive}{ to [c]| in [c]|}?",
            "Is there a {train|bus|flight} to [c]{ today|}?",
            "Are there traffic jams?",
        ],
        "current timetables",
    ),
    (
        [
            "{Order|Buy|Book} me {a pizza|a ticket|a taxi|a hotel|a flight to [c]}.",
            "{Call|Text|Email} [n]{ for me|}.",
            "{Set an alarm|Set a timer|Remind me}{ for seven| tomorrow|}.",
            "{Play|Put on} {some |}music.",
            "Turn {on|off} the {light|lights|heating}.",
        ],
        None,
    ),
]


def unknown_topic(r):
    draw = r.random()
    if draw < 0.5:
        return r.choice(f.TOPICS)
    if draw < 0.8:
        return r.choice(FIELDS) + " " + r.choice([any_word(r), r.choice(f.TOPICS), place_like(r)])
    if draw < 0.9:
        return invented_word(r)
    return invented_word(r).capitalize() + r.choice(
        ["'s theorem", " syndrome", "'s law", " effect", "", " Corporation", " valley", "'s third symphony"]
    )


def place_like(r):
    return r.choice([x[0] for x in f.COUNTRIES] + f.CITIES)


def unknown(c):
    r, draw = c.r, c.r.random()
    if draw < 0.62:
        topic, other = c.fresh(lambda: unknown_topic(r)), unknown_topic(r)
        c.ask(OPEN_ASKED, OPEN_REPLY, topic, x=topic, y=other)
    elif draw < 0.82:
        asked, what = r.choice(NEWS)
        if what:
            c.ask(
                asked,
                [
                    "{Sorry, |I'm sorry, |}I can't know [w]: I run on your machine without the internet. {A weather or news page"
                    " can tell you.|Please look it up online.|A quick look online will tell you.}"
                ],
                what,
                w=what,
                c=r.choice(f.CITIES),
                n=invented_word(r).capitalize(),
            )
        else:
            c.ask(
                asked,
                ["{Sorry, |}I can't do that. I can only chat{ with you|} in text."],
                "can't",
                c=r.choice(f.CITIES),
                n=invented_name(r),
            )
    elif draw < 0.9:
        who = c.fresh(lambda: invented_word(r).capitalize() + " " + invented_word(r).capitalize())
        c.ask(
            ["Who {is|was} [n]?", "Tell me about [n].", "When was [n] born?", "What do you know about [n]?"],
            ["{Sorry, |}I don't know [n]. {A larger model such as Llama 3.2 might.|Can you tell me more?}"],
            "don't know",
            n=who,
        )
    else:
        nonsense = " ".join(
            "".join(r.choice("asdfghjklqwertyuiopzxcvbnm") for _ in range(r.randint(2, 9))) for _ in range(r.randint(1, 4))
        )
        if r.random() < 0.4:
            nonsense = " ".join(r.choice(f.WORDS) for _ in range(r.randint(2, 4)))
        elif r.random() < 0.15:
            nonsense = r.choice(["???", "...", "!", "?", ":)", "123", "-", "x", "a b c", ";;;"])
        c.ask(
            "[n]",
            [
                "{Sorry, I didn't understand that.|I'm not sure what you mean.|I didn't quite get that.} {Could you say it in"
                " another way?|What would you like to know?|Could you explain what you mean?}"
            ],
            "understand|mean|get that",
            n=nonsense,
        )
