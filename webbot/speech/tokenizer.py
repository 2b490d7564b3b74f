"""Whisper's tokenizer, as openai-whisper has it, but without torch, which the package openai-whisper imports as a whole.

The file of the tokenizer is loaded alone: it needs nothing but tiktoken and the word lists beside it.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from webbot.errors import Unusable

if TYPE_CHECKING:
    from whisper.tokenizer import Tokenizer

NAME = "webbot_whisper_tokenizer"


def asset(name: str) -> Path:
    """A file in the folder of openai-whisper, whose package is not imported. Raises Unusable where it is not installed."""
    found = importlib.util.find_spec("whisper")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / name
        if path.is_file():
            return path
    raise Unusable("The package openai-whisper is not installed. Please run run_webbot.sh again.")


@lru_cache
def _module() -> ModuleType:
    found = importlib.util.spec_from_file_location(NAME, asset("tokenizer.py"))
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[NAME] = module  # dataclasses look their module up
    found.loader.exec_module(module)
    return module


def languages() -> dict[str, str]:
    """The English names of the languages by their codes, in small letters, in the order of the tokens."""
    return dict(_module().LANGUAGES)


def codes() -> dict[str, str]:
    """The codes of the languages by their English names, in small letters."""
    return dict(_module().TO_LANGUAGE_CODE)


def tokenizer(multilingual: bool, count: int, language: str, task: str) -> Tokenizer:
    """The tokenizer of a model that knows `count` languages."""
    made: Any = _module().get_tokenizer(multilingual, num_languages=count, language=language, task=task)
    return made


def suppressed(words: Tokenizer) -> list[int]:
    """The tokens that Whisper never writes: signs that nobody speaks, and those that tell it what to do."""
    orders = (words.transcribe, words.translate, words.sot, words.sot_prev, words.sot_lm, words.no_speech)
    return sorted({*words.non_speech_tokens, *orders})
