"""What the sentences are about: names, places, things, and the words that grammar handles by itself."""


def word_list(text):
    """The words of a text in their order."""
    return text.split()


CAPITALS = dict(
    pair.split(":")
    for pair in """France:Paris;Germany:Berlin;Italy:Rome;Spain:Madrid;Portugal:Lisbon;
Japan:Tokyo;China:Beijing;India:New Delhi;Russia:Moscow;Canada:Ottawa;Australia:Canberra;Brazil:Brasilia;
Egypt:Cairo;Kenya:Nairobi;Norway:Oslo;Sweden:Stockholm;Denmark:Copenhagen;Finland:Helsinki;Poland:Warsaw;
Austria:Vienna;Hungary:Budapest;Greece:Athens;Turkey:Ankara;Ireland:Dublin;England:London;Scotland:Edinburgh;
Belgium:Brussels;Switzerland:Bern;Mexico:Mexico City;Cuba:Havana;Peru:Lima;Chile:Santiago;Colombia:Bogota;
Thailand:Bangkok;Vietnam:Hanoi;Nepal:Kathmandu;Iceland:Reykjavik;Ukraine:Kiev;Romania:Bucharest;Israel:Jerusalem;
Iran:Tehran;Iraq:Baghdad;Pakistan:Islamabad;Morocco:Rabat;Nigeria:Abuja;Ghana:Accra;Ethiopia:Addis Ababa;
Argentina:Buenos Aires;Indonesia:Jakarta;Malaysia:Kuala Lumpur;Singapore:Singapore;Croatia:Zagreb;
Bulgaria:Sofia;Serbia:Belgrade;Algeria:Algiers;South Korea:Seoul;New Zealand:Wellington;the Netherlands:Amsterdam;
the United States:Washington;South Africa:Pretoria;the Czech Republic:Prague;Uganda:Kampala;Mongolia:Ulaanbaatar""".replace(
        "\n", ""
    ).split(";")
)
COUNTRIES, CITIES = (
    list(CAPITALS),
    list(CAPITALS.values())
    + """New York;Chicago;Boston;Sydney;Toronto;Barcelona;
Munich;Hamburg;Milan;Venice;Manchester;Liverpool;Texas;California;Florida;Los Angeles;San Francisco;Hong Kong;Shanghai""".replace(
        "\n", ""
    ).split(";"),
)
NAMES = word_list("""Oliver Emma James Mary John Sarah Michael Anna David Laura Robert Maria William Sophie Thomas Alice
Charles Julia Daniel Kate George Lucy Peter Helen Paul Jane Mark Susan Steven Linda Andrew Karen Kevin Nancy Brian
Lisa Edward Betty Ronald Sandra Anthony Ashley Jason Donna Jeffrey Carol Ryan Ruth Jacob Sharon Gary Michelle Nick
Amanda Eric Melissa Jonathan Deborah Stephen Rebecca Larry Justin Stephanie Scott Cynthia Brandon Kathleen Ben Amy
Samuel Angela Gregory Frank Emily Alexander Olivia Patrick Grace Jack Chloe Dennis Ella Jerry Lily Tyler Hannah
Aaron Victoria Henry Natalie Adam Megan Nathan Rachel Zachary Jennifer Kyle Diana Walter Rose Harold Clara Carl
Leo Mia Max Eva Felix Nora Oscar Ivy Simon Zoe Martin Elena Luke Molly Omar Priya Ahmed Fatima Carlos Ingrid Hugo
Yuki Chen Ravi Sven Lars Pierre Marco Sofia Tom Sam Joe Bob Bill Jim Tim Dan Ann Sue Kim Pat Alex Chris""")
ELEMENTS = word_list("""hydrogen helium lithium carbon nitrogen oxygen fluorine neon sodium magnesium aluminum silicon
phosphorus sulfur chlorine argon potassium calcium titanium iron cobalt nickel copper zinc silver tin iodine
platinum gold mercury lead uranium""")
ANIMALS = word_list("""dog cat horse cow pig sheep goat chicken duck goose rabbit mouse rat hamster fox wolf bear lion tiger
elephant giraffe zebra monkey gorilla kangaroo koala panda penguin owl eagle hawk parrot crow sparrow whale dolphin
shark salmon octopus crab lobster frog toad snake lizard turtle crocodile spider ant bee butterfly beetle snail worm
camel donkey deer moose squirrel hedgehog bat seal otter beaver raccoon cheetah leopard hippo rhino""")
COLOURS = word_list("red blue green yellow orange purple pink brown black white gray silver gold violet turquoise beige")
FOODS = """bread;butter;cheese;milk;rice;pasta;pizza;soup;salad;chicken;fish;beef;eggs;bacon;toast;pancakes;
cereal;apples;bananas;oranges;grapes;strawberries;cherries;lemons;peaches;tomatoes;potatoes;carrots;onions;garlic;
beans;spinach;mushrooms;chocolate;ice cream;cookies;cake;honey;sugar;salt;pepper;coffee;tea;juice;water;lemonade;
sandwiches;burgers;noodles;sushi;curry;tacos;yogurt;pumpkin pie;chicken soup;apple pie;fried rice""".replace("\n", "").split(";")
SPORTS = [
    *word_list("""football basketball baseball tennis golf hockey cricket rugby volleyball swimming running cycling boxing
skiing skating surfing chess badminton"""),
    "table tennis",
    "ice hockey",
]
DAYS = word_list("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = word_list("January February March April May June July August September October November December")
SUBJECTS = """history;geography;biology;chemistry;physics;mathematics;algebra;geometry;music;art;philosophy;economics;
grammar;astronomy;computer science;machine learning;artificial intelligence;photosynthesis;gravity;evolution;
electricity;the solar system;the moon;the sun;black holes;volcanoes;earthquakes;the weather;climate change;
the Roman Empire;ancient Egypt;the internet;cooking;gardening;love;friendship;space;the ocean;dinosaurs;robots;
poetry;football;computers;democracy;inflation;the human body;the heart;the brain;rainbows;magnets;vitamins;
DNA;the water cycle;the French Revolution;World War Two;quantum physics;prime numbers;fractions;time travel""".replace(
    "\n", ""
).split(";")
CODE = """prints the first ten squares;prints hello world;adds two numbers;sorts a list;reverses a string;
counts the words in a file;finds the largest number in a list;checks if a number is prime;computes a factorial;
prints the Fibonacci numbers;reads a CSV file;opens a web page;draws a circle;counts from one to 100;
removes duplicates from a list;converts Celsius to Fahrenheit;prints the date;checks if a word is a palindrome;
sums the even numbers;makes a random password;writes JSON to a file;downloads a file;prints a triangle;
counts the vowels in a word;prints a multiplication table;merges two lists;splits a sentence into words;
calculates the average;finds the shortest word;asks for my name and says hello""".replace("\n", "").split(";")
LANGUAGES = ["Python", "JavaScript", "Java", "Rust", "HTML", "C", "SQL", "Bash"]
TONGUES = word_list("French German Spanish Italian English Latin Chinese Japanese Russian Dutch Polish Arabic Greek")
PEOPLE = """Albert Einstein;Isaac Newton;William Shakespeare;Marie Curie;Leonardo da Vinci;Mozart;Beethoven;
Charles Darwin;Abraham Lincoln;George Washington;Napoleon;Julius Caesar;Cleopatra;Queen Victoria;Galileo;Plato;
Aristotle;Alan Turing;Ada Lovelace;Neil Armstrong;Nelson Mandela;Martin Luther King;Picasso;Jane Austen""".replace(
    "\n", ""
).split(";")
SHORT = """Stop.;Yes.;No.;Okay.;Hello.;Hi.;Hi there.;Hello there.;Thanks.;Thank you.;Thank you very much.;Good morning.;
Good night.;Good evening.;Goodbye.;Bye.;See you later.;How are you?;How are you today?;What's up?;Who are you?;
What is your name?;What can you do?;Can you help me?;Help.;Help me.;Continue.;Go on.;Go ahead.;Try again.;Again, please.;
Say that again.;Repeat that.;Never mind.;Wait.;Wait a minute.;Why?;Why not?;How?;What?;When?;Where?;Who?;Really?;
Are you sure?;I don't know.;I don't understand.;That's wrong.;That's right.;That is great.;Very good.;Well done.;Cool.;
Make it shorter.;Make it longer.;Make it simpler.;Shorter, please.;More details, please.;Tell me more.;Give me an example.;
Explain that.;Explain it again.;Tell me a joke.;Tell me another joke.;Tell me a story.;Sing a song.;Write a poem.;
What time is it?;What day is it today?;What is the date today?;What is the weather like?;I am tired.;I am hungry.;
I am bored.;I am happy.;I am sad.;I'm fine.;I'm fine, thank you.;I like it.;I love you.;No, thank you.;Yes, please.;
Of course.;Maybe.;Maybe later.;Sorry.;Excuse me.;Please stop.;Cancel.;Delete it.;Save it.;Open it.;Close it.;Undo that.;
Start over.;Clear the chat.;Read it to me.;Speak slower.;Speak louder.;Can you hear me?;Testing, testing.;
One, two, three.;Are you a robot?;Are you human?;How old are you?;Where are you from?;Who made you?;Do you speak English?;
Nice to meet you.;What do you think?;What does that mean?;How does it work?;Let's play a game.;Turn it off.;Turn it on.;
It doesn't work.;I can't hear you.;I have a question.;Summarize it.;Translate it.;Fix it.;Check my spelling.""".replace(
    "\n", ""
).split(";")

STOPLIST = set(
    word_list("""the an to of in and re be is on that he it you with as we con was at pro ha are or not by from have
this can his do go has but all will me they them their there here where when what who how why which so if no yes
she her him its our your my us were been being had does did would could should may might must shall than then too
very just any some such each both few more most other own same up out off over under again once for nor because
until while about against between into through during before after above below down i am theirs yours ours mine
himself herself itself itself themselves dos ifs""")
)
PRONOUNS = [("I", 1), ("you", 2), ("he", 3), ("she", 3), ("we", 2), ("they", 2)]
IRREGULAR = {  # base: (past, -s form, -ing form)
    "go": ("went", "goes", "going"),
    "see": ("saw", "sees", "seeing"),
    "take": ("took", "takes", "taking"),
    "make": ("made", "makes", "making"),
    "give": ("gave", "gives", "giving"),
    "find": ("found", "finds", "finding"),
    "know": ("knew", "knows", "knowing"),
    "think": ("thought", "thinks", "thinking"),
    "buy": ("bought", "buys", "buying"),
    "bring": ("brought", "brings", "bringing"),
    "write": ("wrote", "writes", "writing"),
    "read": ("read", "reads", "reading"),
    "eat": ("ate", "eats", "eating"),
    "drive": ("drove", "drives", "driving"),
    "hold": ("held", "holds", "holding"),
    "keep": ("kept", "keeps", "keeping"),
    "leave": ("left", "leaves", "leaving"),
    "lose": ("lost", "loses", "losing"),
    "sell": ("sold", "sells", "selling"),
    "send": ("sent", "sends", "sending"),
    "build": ("built", "builds", "building"),
    "break": ("broke", "breaks", "breaking"),
    "choose": ("chose", "chooses", "choosing"),
    "catch": ("caught", "catches", "catching"),
    "teach": ("taught", "teaches", "teaching"),
    "hear": ("heard", "hears", "hearing"),
    "feel": ("felt", "feels", "feeling"),
    "meet": ("met", "meets", "meeting"),
    "understand": ("understood", "understands", "understanding"),
    "win": ("won", "wins", "winning"),
}
PET_NAMES = word_list("""Rex Max Bella Luna Charlie Buddy Rocky Milo Daisy Coco Lucy Oscar Felix Simba Toby Ruby Leo Nala
Shadow Tiger Biscuit Rusty Pepper
Ginger Bailey Cooper Molly Sadie Duke Jack Bear Zoe Stella Loki Thor Oreo Smokey Lucky Spot Fluffy Whiskers Patches Misty""")
TOPICS = """quantum mechanics;quantum physics;relativity;photosynthesis;machine learning;artificial intelligence;
climate change;the French Revolution;black holes;evolution;gravity;
electricity;the stock market;philosophy;psychology;democracy;nuclear energy;vaccines;the immune system;the solar system;
the Roman Empire;ancient Greece;Shakespeare;Beethoven;the internet;
programming;neural networks;language models;calculus;algebra;geometry;chemistry;biology;physics;economics;inflation;
the water cycle;volcanoes;genetics;string theory;the big bang;justice;
virtue;love;happiness;courage;knowledge;truth;beauty;wisdom;Socrates;Plato;Aristotle;Napoleon;Einstein;Newton;Darwin;Mozart;
the moon landing;the Second World War;the Middle Ages;
solar panels;batteries;engines;airplanes;telescopes;the human brain;the heart;sleep;dreams;memory;music theory;jazz;football;
chess;cooking;gardening;photography;
the weather;earthquakes;the ocean;dinosaurs;whales;penguins;bees;coffee;chocolate;bread;wine;taxes;insurance;mortgages;
interest rates;open source software;Linux;Python;databases;
the speed of light;the periodic table;the meaning of life""".replace("\n", "").split(";")

# what a sentence is about, by the place where it stands
GREAT_THINGS = ["animal", "city", "country", "ocean", "lake", "planet", "desert", "island"]
COLOURED_THINGS = ["the sky", "grass", "snow", "blood", "the sun", "a banana", "coal", "the sea"]
UNITS = ["dollars", "miles", "pounds", "inches", "degrees"]
METRIC_UNITS = ["euros", "kilometers", "kilograms", "centimeters", "Celsius"]
RELATIVES = ["brother", "sister", "mother", "father", "wife", "husband", "son", "daughter", "friend", "teacher", "boss"]
TEXTS = ["this", "that", "it", "the text", "our chat"]
TEXT_PARTS = ["words", "sentences", "lines"]
BETTER = ["shorter", "longer", "funnier", "simpler", "better", "more polite", "more formal", "rhyme"]
LISTABLE = ["animals", "countries", "colors", "fruits", "books", "movies", "cities", "rivers", "words", "names", "ideas", "facts"]
NAMEABLE = ["animals", "countries", "planets", "sports", "vegetables", "flowers", "elements", "metals"]
CODE_PARTS = ["loop", "list", "dictionary", "class", "function", "variable", "string"]
CODE_NOUNS = ["loop", "list", "dictionary", "class", "function", "variable", "string", "pointer", "database"]
OCCUPATIONS = word_list("teacher doctor nurse engineer lawyer cook driver painter farmer writer student pilot actor baker")
MOODS = ["happy", "sad", "tired", "hungry", "thirsty", "angry", "bored", "sick", "busy", "ready", "lost", "late", "cold"]
FAVOURITES = ["color", "food", "animal", "book", "film", "song", "sport", "city", "day", "number"]
WEATHERS = ["nice", "terrible", "cold", "hot", "rainy", "sunny", "windy", "cloudy", "lovely"]
QUALITIES = ["good", "bad", "funny", "great", "long", "strange"]
TOLD = ["answer", "joke", "story", "question", "idea"]
