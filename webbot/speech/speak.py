"""A growing Markdown answer as finished sentences, to be read aloud. Knows neither voices nor pages.

`blocks` finds the prose of the answer; here it is cut into sentences, whose markup is taken off. A sentence is given out as
soon as no further text can change it, and the same text gives the same sentences in whatever pieces it comes.
"""

from __future__ import annotations

import html
import re
import unicodedata

from webbot.speech.blocks import BREAK, Blocks
from webbot.speech.formulas import readable

WESTERN, EASTERN = ".!?…", "。！？"  # eastern ones need no space behind them
CLOSERS = "\"'”’»)]}*_~`」』）】》"
STARTERS = "\\`$[]<"  # of what may hold such marks and is no sentence
PAIRS = {"\\(": "\\)", "](": ")", "$$": "$$"}
LONGEST_TAG = 300
LONGEST_INLINE = 2000  # characters that code, a link or a formula within a sentence may have


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# After these a sentence goes on.
OPEN_ENDED = words("dr mr mrs ms prof st mt vs cf e.g i.e eg ie gen rep sen gov capt lt col sgt rev hon approx ca bzw z.b d.h")
NUMBERED = words("no nos fig figs vol p pp ch sec eq nr")  # ... where a number follows
# After these it goes on, unless the next word is one that begins sentences.
EITHER = words("etc al jr sr inc ltd co corp dept est usw")
BEGINNERS = words(
    "the a an it its he she they we you i in on at for but however and or so if when while this that these those there then here "
    "what who why how where his her their our my your as by to with from no not yes also after before because since"
)
INLINE = re.compile(
    r"(?P<code>(?<!`)(?P<ticks>`+)(?!`)(?P<inner>.+?)(?<!`)(?P=ticks)(?!`))"
    r"|\\\((?P<maths>.+?)\\\)|\$\$(?P<shown>.+?)\$\$|(?<![\\\w])\$(?P<money>(?=\S)[^$]*?(?<=\S))\$(?!\d)"
    r"|!?\[(?P<label>[^\[\]]*)\]\((?:[^()]|\([^()]*\))*\)|\[\^[^\]]*\]|!?\[(?P<named>[^\[\]]+)\]\[[^\]]*\]"
    r"|<(?P<link>https?://[^<>\s]*)>|</?[A-Za-z!][^<>]*>|(?P<bare>https?://[^\s<>()\]]*[^\s<>()\].,;:!?'\"*_])"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])",
    re.DOTALL,
)


class Sentences:
    """Takes an answer piece by piece: `feed` gives the sentences that have become complete, `rest` what is left at the end."""

    def __init__(self) -> None:
        self.blocks = Blocks()
        self.prose = ""
        self.at = 0  # no sentence ends before this place in the prose

    def feed(self, delta: str) -> list[str]:
        self.prose += self.blocks.feed(delta)
        return self._finished()

    def rest(self) -> list[str]:
        self.prose += self.blocks.rest()
        return self._finished()

    def _finished(self) -> list[str]:
        sentences: list[str] = []
        while True:
            self.at, ended = _end(self.prose, self.at)
            if not ended:
                return sentences
            text = plain(self.prose[: self.at])
            self.prose, self.at = self.prose[self.at :].lstrip(f" \t\n{BREAK}"), 0
            if any(character.isalnum() for character in text):
                sentences.append(text)


def _end(prose: str, at: int) -> tuple[int, bool]:
    """Where the first sentence ends, and True; or how far it is certain that none ends, and False. A BREAK ends every one."""
    limit = prose.find(BREAK, at)
    block, complete = (prose, False) if limit < 0 else (prose[:limit], True)
    while at < len(block):
        if block[at] in WESTERN + EASTERN:
            after = at + 1
            while after < len(block) and block[after] in WESTERN + EASTERN + CLOSERS:
                after += 1
            ends = _is_end(block, at, after, complete)
            if ends:
                return after, True
            passed = None if ends is None else after
        elif block[at] in STARTERS:
            passed = _pass_inline(block, at, complete)
        else:
            passed = at + 1
        if passed is None:
            return at, False
        at = passed
    return (limit + 1, True) if complete else (at, False)


def _is_end(block: str, at: int, after: int, complete: bool) -> bool | None:
    """Whether the marks in block[at:after] end a sentence; None when that depends on what is still to come."""
    marks = block[at:after]
    rest = block[after:]
    word = rest.lstrip()
    if not word:
        return True if complete else None
    if any(mark in EASTERN for mark in marks):
        return True
    if word == rest:
        return unicodedata.category(word[0]) == "Lo" and any(mark in "!?…" for mark in marks)
    opener = word.lstrip("\"'“‘«([*_~")
    if not opener:
        return True if complete else None
    goes_on = opener[0].islower()
    if any(mark in "!?" for mark in marks):
        return not (goes_on and any(mark in "\"'”’»)" for mark in marks))
    return False if goes_on else _dot_ends(block[:at], marks, opener, complete)


def _dot_ends(before: str, marks: str, following: str, complete: bool) -> bool | None:
    """The same for a dot that no small letter follows: abbreviations, initials and the numbers of a list go on."""
    found = re.search(r"[^\s(\[“\"'*_]+$", before[-40:])
    last = found[0] if found else ""
    if marks.startswith(("..", "…")):
        return True
    if last.isdigit() and not before[: -len(last)].strip(" \t\n*_"):
        return False
    name = last.lower()
    if name in OPEN_ENDED or (name in NUMBERED and following[0].isdigit()):
        return False
    if name in EITHER or re.fullmatch(r"[^\W\d](?:\.[^\W\d])+", last) or (len(last) == 1 and last.isupper()):
        next_word = re.match(r"[^\W\d]*", following)
        if next_word is None or (len(next_word[0]) == len(following) and not complete):
            return None
        return next_word[0].lower() in BEGINNERS
    return True


def _pass_inline(block: str, at: int, complete: bool) -> int | None:
    """The place behind the code, link, formula or tag that begins at `at`, or behind one character; None while that is open."""
    if at + 1 == len(block):
        return at + 1 if complete else None
    pair = block[at : at + 2]
    if pair in PAIRS:
        return _behind(block, at + 1, PAIRS[pair], complete)
    if pair[0] in "`[$":
        reader = {"`": _pass_code, "[": _pass_label, "$": _pass_dollars}[pair[0]]
        return reader(block, at, complete)
    if re.fullmatch(r"<[A-Za-z/!]", pair):
        return _behind(block, at, ">", complete, LONGEST_TAG)
    return at + 2 if pair[0] == "\\" else at + 1


def _pass_label(block: str, at: int, complete: bool) -> int | None:
    """The end of a link's label, where its address follows; of other brackets the beginning only."""
    end = re.compile(r"[\[\]]").search(block, at + 1, at + LONGEST_TAG)
    if end and end[0] == "[":
        return at + 1
    if end and end.end() < len(block):
        return end.start() if block[end.end()] == "(" else at + 1
    return at + 1 if complete or len(block) >= at + LONGEST_TAG else None


def _behind(block: str, at: int, closer: str, complete: bool, longest: int = LONGEST_INLINE) -> int | None:
    end = block.find(closer, at + 1, at + longest)
    if end >= 0:
        return end + len(closer)
    return at + 1 if complete or len(block) >= at + longest else None


def _pass_code(block: str, at: int, complete: bool) -> int | None:
    run = 1
    while block[at + run : at + run + 1] == "`":
        run += 1
    found = re.compile(rf"(?<!`)`{{{run}}}(?!`)").search(block, at + run, at + LONGEST_INLINE)
    if found and (found.end() < len(block) or complete):
        return found.end()
    return at + run if complete or len(block) >= at + LONGEST_INLINE else None


def _pass_dollars(block: str, at: int, complete: bool) -> int | None:
    """A formula between dollars holds no end of a sentence; dollars before a sum of money have no partner."""
    stop = re.compile(r"\$(?!\d)|[.!?]\s|[。！？]").search(block, at + 2, at + LONGEST_INLINE)
    if stop and (stop.end() < len(block) or complete):
        return stop.end() if stop[0] == "$" else at + 1
    return at + 1 if complete or len(block) >= at + LONGEST_INLINE else None


def plain(markdown: str) -> str:
    """A sentence without its markup. Of an address only the host is read."""
    text = INLINE.sub(_inline, markdown.replace(BREAK, " "))
    text = re.sub(r"(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)", "", text)
    text = re.sub(r"(?<!\w)\*+(?=\S)|(?<=\S)\*+(?!\w)|\*\*+|~~+", "", text)
    text = "".join(character for character in html.unescape(text) if not _silent(character))
    return " ".join(text.translate(UNHIDDEN).split())


# Signs that are no markup stand for a while where Unicode has no characters of its own.
SIGNS = "*_~`&<>"
HIDDEN = {ord(sign): 0xE000 + number for number, sign in enumerate(SIGNS)}
UNHIDDEN = {number: sign for sign, number in HIDDEN.items()}


def _inline(found: re.Match[str]) -> str:
    groups = found.groupdict()
    for name in ("maths", "shown", "money"):
        if groups[name]:
            return readable(groups[name]).translate(HIDDEN)
    if groups["link"] or groups["bare"]:
        return str(groups["link"] or groups["bare"]).split("/")[2]
    if groups["code"] or groups["escaped"]:
        return str(groups["escaped"] or groups["inner"].strip()).translate(HIDDEN)
    return groups["label"] or groups["named"] or " " * found[0].lower().startswith("<br")


def _silent(character: str) -> bool:
    """Emoji and what belongs to them: a voice would read their names."""
    return character in "\u200d\ufe0f" or "\U0001f000" <= character <= "\U0001faff" or "\u2600" <= character <= "\u27bf"
