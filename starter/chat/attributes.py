"""What a user may tell about themselves: values, ways to tell, to acknowledge, to ask and to answer."""

import facts as f
from names import age, any_word, invented_name, invented_word, place, year_or_number
from writing import say, upper_first

FAVOURITES = {
    "colour": lambda r: r.choice(f.COLOURS),
    "color": lambda r: r.choice(f.COLOURS),
    "food": lambda r: r.choice(f.FOODS),
    "animal": lambda r: r.choice(f.CATEGORIES["animals"]),
    "sport": lambda r: r.choice(f.CATEGORIES["sports"]),
    "book": lambda r: r.choice(f.BOOKS),
    "number": year_or_number,
    "fruit": lambda r: r.choice(f.CATEGORIES["fruits"]),
    "drink": lambda r: r.choice(f.CATEGORIES["drinks"]),
    "flower": lambda r: r.choice(f.CATEGORIES["flowers"]),
    "subject": lambda r: r.choice(f.SUBJECTS),
    "season": lambda r: r.choice(f.SEASONS),
    "day": lambda r: r.choice(f.DAYS),
    "month": lambda r: r.choice(f.MONTHS),
    "planet": lambda r: r.choice(f.PLANETS),
    "city": place,
    "band": lambda r: "the " + upper_first(any_word(r)) + "s",
    "instrument": lambda r: r.choice(f.INSTRUMENTS),
    "word": any_word,
    "country": lambda r: r.choice(f.COUNTRIES)[0],
    "singer": invented_name,
    "game": lambda r: r.choice(["chess", "checkers", "poker", "dominoes", "hide and seek", invented_word(r).capitalize()]),
    "vegetable": lambda r: r.choice(f.CATEGORIES["vegetables"]),
    "bird": lambda r: r.choice(f.CATEGORIES["birds"]),
    "teacher": invented_name,
    "film": lambda r: "The " + upper_first(any_word(r)) + " " + upper_first(any_word(r)),
}
RELATIVES = f.words(
    "sister, brother, mother, father, son, daughter, wife, husband, best friend, boss, teacher, neighbour, uncle, aunt, cousin,"
    " grandmother"
)
OBJECTS = f.words(
    "key, keys, book, phone, wallet, umbrella, ring, letter, ticket, map, coat, bag, camera, bicycle, money, treasure, passport,"
    " red box"
)
SPOTS = f.words("under the [w], behind the [w], in the [w], on the [w], next to the [w], in the [w] box, near the [w]")
CODES = f.words("password, pin, code, secret word, locker number, room number, flight number, code word, magic number")
MORE_JOBS = f.words(
    "writer, student, driver, scientist, programmer, dentist, waiter, firefighter, police officer, librarian, chef, "
    "actor, designer, electrician, mechanic, judge, barber, astronomer, translator, florist, surgeon, optician, "
    "vet, architect, plumber, carpenter, painter, welder, roofer, gardener, fisher, sailor, captain, soldier, "
    "detective, interpreter, editor, journalist, reporter, photographer, musician, singer, dancer, violinist, "
    "composer, conductor, director, producer, poet, potter, weaver, jeweller, watchmaker, shoemaker, butcher, "
    "brewer, waitress, cashier, clerk, secretary, accountant, banker, broker, economist, historian, geologist, "
    "biologist, chemist, physicist, mathematician, statistician, surveyor, miner, machinist, technician, curator, "
    "guide, coach, referee, cleaner, janitor, postman, courier, bus driver, taxi driver, train driver, air traffic "
    "controller, flight attendant, web designer, data analyst, game developer, social worker, psychologist, "
    "therapist, midwife, paramedic, beekeeper, shepherd, forester, lifeguard, bookbinder, locksmith, glazier, mason"
)
OK = [
    "{Got it|Noted|Okay|Thanks for telling me|All right|Good to know}{!|.}",
    "I'll remember that{.|!}",
    "{Nice|Lovely|Great}{!|.} {I'll remember that|I've noted that}.",
]

# kind: (value, ways to tell, acknowledgements, ways to ask, answers, ways of saying that it was never told)
ATTRIBUTES = {
    "name": (
        invented_name,
        [
            "{My name is|My name's|I'm called|I am called|My friends call me|You can call me|Please call me|Call me} [v].",
            "{Hi|Hello|Hey}{, | there, |! }{my name is|I'm|I am|this is} [v].",
            "{I'm|I am} [v].",
            "{Hi|Hello|Hey}{,|.|!} {I'm|my name is} [v]{.| and I'm new here.|, nice to meet you.}",
            "The name is [v].",
            "It's [v].",
            "[v] is my name.",
            "{Please |}{remember|note} {that |}my name is [v].",
            "My name is [v]. {Please remember it|Remember that|Can you remember that}{.|?}",
        ],
        [
            "{Nice|Pleased|Good|Great|Lovely} to meet you, [v]! {How can I help you{ today|}?|What can I do for you?|}",
            "{Hello|Hi}, [v]! {Nice to meet you.|How can I help?|What would you like to talk about?}",
            "Hello, [v]! I'll remember your name.",
            "Got it, [v]{!|.} {How can I help?|}",
        ],
        [
            "What is my name?",
            "What's my name?",
            "{Do|Can} you {remember|tell me|recall|know} my name?",
            (
                "{Do you know |Can you tell me |Tell me |Do you remember |So }{who I am|what my name is|what I am called|what I'm"
                " called}{?|.}"
            ),
            "Who am I?",
            "What was my name{ again|}?",
            "How am I called?",
            "{Please |}{say|tell me} my name{ please|}.",
            "What did I say my name was?",
            "What name did I {give|tell} you?",
            "Hey, what is my name{ again|}?",
        ],
        [
            "Your name is [v].",
            "{You're|You are} [v].",
            "Your name is [v]{!| - I remember.}",
            "You told me that your name is [v].",
        ],
        ["your name", "what your name is"],
    ),
    "city": (
        place,
        [
            "I live in [v].",
            "{I'm|I am} {from|living in} [v].",
            "{My home is|My home town is|My city is} [v].",
            "I {come from|moved to|grew up in|was born in} [v].",
            "{We live|My family lives|Home for me is} in [v].",
            "I live in [v]{ now|, by the way| and I like it}.",
        ],
        [
            "[v] {sounds lovely|is a nice place|sounds like a good place to live}{.|!}",
            "{Thanks|Nice}{!|.} I'll remember that you {live in|are from} [v].",
            "{Oh, |}[v]! {Do you like it there?|How nice.|I'll remember that.}",
        ],
        [
            "{Where|In which city|In what city|In which place} do I live?",
            "Where am I from?",
            "{What|Which} city {am I from|do I live in}?",
            "{Do you {remember|know}|Can you tell me} where I {live|come from|am from}?",
            "What is my {home town|city}?",
            "Where is my home?",
            "Where did I say I live?",
        ],
        ["You live in [v].", "{You're|You are} from [v].", "You told me that you {live in|are from} [v]."],
        ["where you live", "where you are from", "which city you live in"],
    ),
    "job": (
        lambda r: r.choice(f.CATEGORIES["jobs"] + MORE_JOBS),
        [
            "I {work|earn my living} as [av].",
            "{I'm|I am} [av]{ by profession|}.",
            "My {job|profession|work} is {being [av]|[v]}.",
            "I {have a job|have worked for years} as [av].",
            "For a living {I work as|I'm} [av].",
        ],
        [
            "{Interesting|Nice|Great}! Being [av] {must be exciting|is a fine job|sounds interesting}.",
            "{So you're|You're} [av]. {Good to know|I'll remember that}.",
        ],
        [
            "What is my {job|profession|work}?",
            "What's my {job|profession}?",
            "What do I do{ for a living| for work|}?",
            "{Do you {remember|know}|Can you tell me} {what I do|my job|what my job is}?",
            "What do I work as?",
            "What kind of work do I do?",
        ],
        ["You are [av].", "You work as [av].", "You told me that you are [av]."],
        ["your job", "what you do for a living", "what your job is"],
    ),
    "age": (
        age,
        [
            "{I'm|I am} [v] years old.",
            "{I'm|I am} [v].",
            "My age is [v].",
            "I {just turned|turned|am} [v] {this year|last week|today}.",
            "I am [v] years {old|of age}{ now|}.",
        ],
        [
            "{Thanks|Got it|Okay}{!|.} {You're|You are} [v] years old.",
            "[v] is a {great|fine|good} age!",
            "I'll remember that you are [v].",
        ],
        [
            "How old am I?",
            "What is my age?",
            "What's my age?",
            "{Do you {remember|know}|Can you tell me} {how old I am|my age}?",
            "How many years old am I?",
            "How old did I say I am?",
        ],
        ["You are [v] years old.", "{You're|You are} [v].", "You told me that you are [v] years old."],
        ["your age", "how old you are"],
    ),
    "hobby": (
        lambda r: r.choice(f.CATEGORIES["hobbies"]),
        [
            "My hobby is [v].",
            "I {like|love|enjoy} [v]{ in my free time| very much|}.",
            "In my free time I {like|enjoy|do} [v].",
            "I spend my weekends {with|on} [v].",
        ],
        [
            "[uv] {is a great hobby|sounds like fun}{!|.}",
            "{Nice|Lovely}! [uv] is {a fine|a good|a wonderful} {hobby|way to relax}.",
        ],
        [
            "What is my hobby?",
            "What's my hobby?",
            "What do I {like to do|do} in my free time?",
            "{Do you {remember|know}|Can you tell me} {my hobby|what my hobby is}?",
            "What do I enjoy?",
        ],
        ["Your hobby is [v].", "You {like|enjoy} [v].", "You told me that you {like|enjoy} [v]."],
        ["your hobby", "what your hobby is"],
    ),
    "birthday": (
        lambda r: f"{r.choice(f.MONTHS)} {r.randint(1, 28)}",
        ["My birthday is {on |}[v].", "I was born on [v].", "I {have my|celebrate my} birthday on [v]."],
        ["{I'll remember|Noted:|Got it:} your birthday is {on |}[v].", "[v], {I'll remember that|got it}{!|.}"],
        [
            "When is my birthday?",
            "When was I born?",
            "{Do you {remember|know}|Can you tell me} {my birthday|when my birthday is}?",
            "What day is my birthday?",
            "On which day was I born?",
        ],
        ["Your birthday is {on |}[v].", "You told me that your birthday is {on |}[v]."],
        ["your birthday", "when your birthday is"],
    ),
}


def attribute(r):
    """A random kind of personal fact and its record, as in ATTRIBUTES."""
    draw = r.random()
    if draw < 0.55:
        kind = r.choice(["name", "name", "name", "city", "job", "age", "hobby", "birthday"])
        return kind, ATTRIBUTES[kind]
    if draw < 0.75:
        return favourite(r.choice(list(FAVOURITES)))
    if draw < 0.85:
        return relative(r.choice(RELATIVES))
    return hidden(r.choice(OBJECTS)) if draw < 0.92 else code(r.choice(CODES))


def favourite(thing):
    return f"favourite {thing}", (
        FAVOURITES[thing],
        [
            f"My {{favourite|favorite}} {thing} is [v].",
            f"[uv] is my {{favourite|favorite}} {thing}.",
            f"{{The {thing} I like {{best|most}}|The best {thing} for me}} is [v].",
            f"My {{favourite|favorite}} {thing} is [v]{{, what do you think?|, you know.| by the way.}}",
        ],
        [
            "[uv] is a {great|good|nice|lovely} choice{!|.}",
            f"{{Nice|Lovely|Good choice}}! I'll remember that your favourite {thing} is [v].",
            *OK,
        ],
        [
            f"{{What is|What's|What was|Which is}} my {{favourite|favorite}} {thing}?",
            f"{{Which|What}} {thing} do I like {{best|most}}?",
            f"{{Do you {{remember|know}}|Can you tell me}} my {{favourite|favorite}} {thing}?",
            f"Tell me my {{favourite|favorite}} {thing}.",
            f"What did I say my {{favourite|favorite}} {thing} is?",
        ],
        [
            f"Your favourite {thing} is [v].",
            f"You told me that your favourite {thing} is [v].",
            f"Your favourite {thing} is [v]{{!|, as you told me.}}",
        ],
        [f"your favourite {thing}", f"what your favourite {thing} is"],
    )


def relative(who):
    return f"{who}'s name", (
        invented_name,
        [
            f"My {who} is {{called|named}} [v].",
            f"My {who}'s name is [v].",
            f"The name of my {who} is [v].",
            f"I have a {who} {{called|named|whose name is}} [v].",
            f"[v] is my {who}{{'s name|}}.",
        ],
        [
            "[v] is a {nice|lovely|beautiful} name{!|.}",
            f"{{Nice|Lovely}}! I'll remember that your {who} is called [v].",
            f"Got it: your {who} is called [v].",
        ],
        [
            f"{{What is|What's|What was}} my {who}'s name?",
            f"{{What is|What's}} the name of my {who}?",
            f"What is my {who} called?",
            f"{{Do you {{remember|know}}|Can you tell me}} {{my {who}'s name|the name of my {who}|what my {who} is called}}?",
            f"How is my {who} called?",
            f"Who is my {who}?",
        ],
        [f"Your {who}'s name is [v].", f"Your {who} is called [v].", f"You told me that your {who} is called [v]."],
        [f"your {who}'s name", f"the name of your {who}"],
    )


def hidden(thing):
    verb = "are" if thing in ("keys",) else "is"
    return f"place of the {thing}", (
        lambda r: say(r, SPOTS, w=any_word(r)),
        [
            f"{{Please remember|Remember|Note}} {{that |}}the {thing} {verb} [v].",
            f"{{I put|I left|I hid|I have put}} the {thing} [v].",
            f"The {thing} {verb} [v]{{, please remember|, don't forget|}}.",
            f"I put my {thing} [v].",
        ],
        [f"{{Okay|Got it|Noted}}, the {thing} {verb} [v].", f"I'll remember that the {thing} {verb} [v].", *OK],
        [
            f"Where {verb} {{the|my}} {thing}?",
            f"Where did I {{put|leave|hide}} {{the|my}} {thing}?",
            f"{{Do you {{remember|know}}|Can you tell me}} where {{the|my}} {thing} {verb}?",
            f"I can't find {{the|my}} {thing}. Where {verb} {'they' if verb == 'are' else 'it'}?",
        ],
        [f"The {thing} {verb} [v].", f"You told me that the {thing} {verb} [v]."],
        [f"where the {thing} {verb}"],
    )


def code(what):
    numeric = "number" in what or what in ("pin", "code")

    def value(r):
        return str(r.randint(10, 99999)) if numeric else any_word(r)

    return what, (
        value,
        [
            f"{{Please remember|Remember|Note}}{{:| that}} {{the|my}} {what} is [v].",
            f"{{The|My}} {what} is [v].",
            f"[v] is {{the|my}} {what}.",
            f"{{The|My}} {what} is [v]{{, remember it|, keep it in mind|}}.",
        ],
        [f"{{Okay|Got it|Noted}}, the {what} is [v].", f"I'll remember {{that |}}the {what}: [v].", *OK],
        [
            f"{{What is|What's|What was}} {{the|my}} {what}?",
            f"{{Do you {{remember|know}}|Can you tell me}} {{the|my}} {what}?",
            f"Tell me {{the|my}} {what}.",
            f"Which {what} did I {{tell|give}} you?",
        ],
        [f"The {what} is [v].", f"You told me that the {what} is [v]."],
        [f"the {what}"],
    )
