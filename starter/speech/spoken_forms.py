"""What a speech synthesiser should read for a transcript: numbers, years, clock times and spelled words as words."""

import re

from word_lists import word_list

ONES = word_list("""zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen""")
TENS = word_list("x x twenty thirty forty fifty sixty seventy eighty ninety")
ORDINAL = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        word_list("""ay bee see dee ee eff gee aitch eye jay kay ell em en oh
pee cue are ess tee you vee double-you ex why zee"""),
        strict=True,
    )
)
ACRONYMS = {"AI", "HTML", "CSS", "URL", "USA", "UK", "TV", "DNA", "CPU", "PDF", "SQL", "API"}
READ_AS = {"CSV": "see ess vee", "JSON": "jay-son", "GPT": "gee pee tee"}


def number_words(n):
    """27 -> 'twenty seven'."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (" " + ONES[n % 10] if n % 10 else "")
    if n < 1000:
        return ONES[n // 100] + " hundred" + (" and " + number_words(n % 100) if n % 100 else "")
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if n >= size:
            rest = n % size
            joint = " and " if 0 < rest < 100 else " "
            return number_words(n // size) + " " + name + (joint + number_words(rest) if rest else "")


def year_words(n):
    """1969 -> 'nineteen sixty nine', 2005 -> 'two thousand and five'."""
    if n % 1000 < 10:
        return number_words(n)
    high, low = divmod(n, 100)
    if low == 0:
        return number_words(high) + " hundred"
    return number_words(high) + " " + ("oh " if low < 10 else "") + number_words(low)


def ordinal_words(n):
    words = number_words(n).split(" ")
    last = words[-1]
    words[-1] = ORDINAL.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return " ".join(words)


def _clock(match):
    hour, minute = int(match[1]), int(match[2])
    return number_words(hour) + " " + ("oh " if 0 < minute < 10 else "") + (number_words(minute) if minute else "o'clock")


def spoken(text, with_and=True):
    """What a synthesiser reads for a transcript; `with_and`: 'two hundred and six'."""
    text = re.sub(r"\b[A-Z](?:-[A-Z])+\b", lambda m: ", ".join(LETTERS[c] for c in m[0].split("-")), text)
    text = re.sub(
        r"\b[A-Z]{2,4}\b", lambda m: READ_AS.get(m[0]) or (" ".join(LETTERS[c] for c in m[0]) if m[0] in ACRONYMS else m[0]), text
    )
    text = re.sub(r"\b(\d{1,2})\.(\d\d)\b", _clock, text)
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: ordinal_words(int(m[1])), text)
    text = text.replace("%", " percent")
    text = re.sub(r"\b\d{1,3}(?:,\d{3})+\b", lambda m: number_words(int(m[0].replace(",", ""))), text)
    text = re.sub(r"\b[12]\d{3}\b", lambda m: year_words(int(m[0])), text)
    text = re.sub(r"\d+", lambda m: number_words(int(m[0])), text)
    return text if with_and else re.sub(r"\b(hundred|thousand|million) and ", r"\1 ", text)
