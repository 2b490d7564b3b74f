"""The text for a synthesiser: what it is written in, and what of it could be taken for orders."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# The first and the last letter of a script, and a language that is written in it. Latin letters say nothing.
SCRIPTS = (
    (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "ru"), (0x0530, 0x058F, "hy"), (0x0590, 0x05FF, "he"), (0x0600, 0x06FF, "ar"),
    (0x0900, 0x097F, "hi"), (0x0980, 0x09FF, "bn"), (0x0B80, 0x0BFF, "ta"), (0x0E00, 0x0E7F, "th"), (0x10A0, 0x10FF, "ka"),
    (0x3040, 0x30FF, "ja"), (0x3400, 0x4DBF, "zh"), (0x4E00, 0x9FFF, "zh"), (0xAC00, 0xD7AF, "ko"), (0x20000, 0x323AF, "zh"),
)
LATIN = "latin"
# Further languages in some of these scripts.
CHINESE = frozenset({"cmn", "yue", "hak"})
CYRILLIC = frozenset({"bg", "uk", "be", "mk", "sr", "kk", "ky", "tt", "ba", "cv"})
ARABIC = frozenset({"fa", "ur", "sd", "ug"})
NEITHER = frozenset({"Cc", "Cs", "Co", "Cn"})  # characters that no voice reads: control, surrogate, private, not assigned
# espeak-ng and piper read [[...]] as phonemes.
PHONEMES = re.compile(r"\[(?=\[)")


def plain(text: str) -> str:
    """The text as something to be read and nothing else."""
    kept = "".join(" " if unicodedata.category(letter) in NEITHER and letter != "\n" else letter for letter in text)
    return PHONEMES.sub("[ ", kept)


def language_of(text: str, usual: str) -> str:
    """`usual` (a code like en-us) unless most letters of the text belong to another script than its own."""
    counted: Counter[str] = Counter(_script(letter) for letter in text if letter.isalpha())
    if not counted:
        return usual
    if counted["ja"]:
        counted["ja"] += counted.pop("zh", 0)  # kana among Chinese characters is Japanese
    found = counted.most_common(1)[0][0]
    family = usual.split("-", maxsplit=1)[0]
    family = "zh" if family in CHINESE else family
    written = family if family in {language for _, _, language in SCRIPTS} else LATIN
    if found == written or (found == "ru" and family in CYRILLIC) or (found == "ar" and family in ARABIC):
        return usual
    return "en-us" if found == LATIN else found


def _script(letter: str) -> str:
    number = ord(letter)
    return next((language for first, last, language in SCRIPTS if first <= number <= last), LATIN)
