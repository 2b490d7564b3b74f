"""The names of languages, as Babel knows them, and the language of a page."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError
from flask import request
from flask_babel import get_locale

LANGUAGES = ("en", "zh")


def language_name(code: str) -> str:
    """The name of a language code like "en", in the language of the page; the code itself when nobody knows it."""
    if not code:
        return ""
    try:
        return Locale.parse(code).get_display_name(get_locale() or "en") or code
    except (UnknownLocaleError, ValueError):
        return code


def page_language(chosen: str, fixed: str) -> str:
    """What the visitor chose, else what the operator set, else what the browser asks for."""
    if chosen in LANGUAGES:
        return chosen
    return fixed or request.accept_languages.best_match(LANGUAGES, default="en") or "en"
