"""espeak-ng: its voices, and the command that makes it speak. Text goes in on standard input, WAV comes out as it is made."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from webbot.speech.packing import Raw
from webbot.speech.pipeline import Program
from webbot.speech.programs import installed

NAME = "espeak-ng"
WORDS_A_MINUTE, SLOWEST, FASTEST = 175, 80, 700
ENGLISH = "en-us"
# The plain Mandarin voice reads its own pinyin as English letters.
MANDARIN = ("cmn-latn-pinyin", "cmn", "zh")
MANDARIN_NAMES = frozenset({"zh", "cmn", "zh-cn", "zh-cmn", "zh-hans", "zh-tw", "zh-hant"})
CANTONESE_NAMES = frozenset({"yue", "zh-yue", "zh-hk"})
OTHER = re.compile(r"\((\S+) (\d+)\)")  # further names of a voice, behind its file; the lowest number is the nearest
LIST_SECONDS = 10.0
LINE = re.compile(r"\s*\d+\s+(\S+)\s+\S+\s+(\S+)\s+(\S+)")  # priority, language, age and gender, name, file


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakVoice:
    """`language` and `variant` are espeak-ng's own names; `pitch` is 0 to 99."""

    language: str
    variant: str = ""
    pitch: int = 50

    @property
    def name(self) -> str:
        return f"{self.language}+{self.variant}" if self.variant else self.language


def program() -> str | None:
    return installed(NAME)


def speaking(voice: EspeakVoice, speed: float) -> tuple[Program, Raw]:
    """The command for a text on standard input, and what comes out of it."""
    rate = WORDS_A_MINUTE * speed
    possible = min(FASTEST, max(SLOWEST, round(rate)))
    # Without -m there is no SSML, and what begins with "-" is on standard input.
    command = [
        program() or NAME, "--stdin", "--stdout", "-b", "1", "-v", voice.name, "-p", str(voice.pitch), "-s", str(possible),
    ]
    return Program(command=command, processor=60), Raw(tempo=1.0 if possible == round(rate) else rate / possible)


def language(name: str) -> str | None:
    """espeak-ng's own name for a language code such as de, en_GB or zh-CN; None where it has no voice for it."""
    wanted, known = name.strip().lower().replace("_", "-"), _listed("")
    if wanted in MANDARIN_NAMES:
        return next((voice for voice in MANDARIN if voice in known), None)
    if wanted in CANTONESE_NAMES:
        wanted = "yue"
    return known.get(wanted)


def voice(name: str) -> EspeakVoice | None:
    """A voice by espeak-ng's own name, like de or en-us+f3; None where there is no such voice."""
    spoken, _, variant = name.partition("+")
    found = language(spoken)
    kind = _listed("variant").get(variant.lower()) if variant else ""
    return EspeakVoice(language=found, variant=kind) if found is not None and kind is not None else None


def _listed(kind: str) -> Mapping[str, str]:
    """What espeak-ng lists, by lower-case name: languages with kind "", else variants."""
    path = program()
    return _read(path, kind) if path else {}


@lru_cache(maxsize=4)
def _read(path: str, kind: str) -> Mapping[str, str]:
    try:
        listed = subprocess.run(
            [path, f"--voices={kind}" if kind else "--voices"], capture_output=True, timeout=LIST_SECONDS, check=True,
            stdin=subprocess.DEVNULL,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, str] = {}
    aliases: list[tuple[int, str, str]] = []
    for line in listed.splitlines()[1:]:
        match = LINE.match(line)
        if match is None:
            continue
        code, file = match[1], match[3]
        others = OTHER.findall(line[match.end():])
        if kind:
            found[file.removeprefix("!v/").lower()] = file.removeprefix("!v/")
        elif not file.startswith("mb/"):  # these need mbrola
            found.setdefault(code.lower(), code)
            aliases += [(int(distance), other.lower(), code) for other, distance in others]
    for _distance, other, code in sorted(aliases):
        found.setdefault(other, code)
    return found
