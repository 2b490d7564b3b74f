"""What an operator may say differently: welcome, help and roles, in Textile (docs/texts.md). Read anew for every page, and made
to HTML anew when it is another one: that takes milliseconds.

A file is looked for in the operator's folder, then in the box; for a page in Chinese in their `zh` folders first.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flask_babel import get_locale
from markupsafe import Markup

from webbot.settings import ROOT
from webbot.web.languages import LANGUAGES
from webbot.web.render import text_html

BOX = ROOT / "webbot" / "texts"
KEPT = 256  # texts that are kept as HTML, more than an operator has
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RoleText:
    """A role that a visitor may choose; `prompt` is sent to the model as it is, `openings` are questions to begin with."""

    key: str
    title: str
    description: Markup
    prompt: str
    openings: tuple[str, ...] = ()


class Texts:
    """The operator's texts; `folder` may be empty."""

    def __init__(self, folder: str = "") -> None:
        self.folders = [Path(folder).expanduser()] if folder else []
        self.folders.append(BOX)

    def welcome(self) -> Markup:
        """What stands above the questions to try."""
        return _html("\n".join(line for line in self._read("welcome.textile").splitlines() if not line.startswith("* ")))

    def tries(self) -> list[str]:
        """The questions to try: the list items of the welcome text."""
        return _items(self._read("welcome.textile"))

    def help(self) -> Markup:
        return _html(self._read("help.textile"))

    def roles(self) -> list[RoleText]:
        """The roles in the order of their file names; a file without a prompt is none."""
        found: dict[str, RoleText] = {}
        for place in reversed(self._places()):
            found |= _roles_in(place)
        return [role for _, role in sorted(found.items())]

    def role_title(self, prompt: str) -> str:
        """The name of the role with that prompt, in the visitor's language; "" for one that is not in the box."""
        key = self.role_key(prompt)
        return next((role.title for role in self.roles() if role.key == key), "") if key else ""

    def role_key(self, prompt: str) -> str:
        """The key of the role with that prompt in any language, "" for one of the visitor's own."""
        places = [place for folder in self.folders for place in (folder, *(folder / language for language in LANGUAGES))]
        roles = (role for place in places for role in _roles_in(place).values())
        return next((role.key for role in roles if role.prompt == prompt), "")

    def _places(self) -> list[Path]:
        """Where to look, the first wins."""
        language = str(get_locale() or "en").split("_")[0]
        return [place for folder in self.folders for place in ([folder / language] if language != "en" else []) + [folder]]

    def _read(self, name: str) -> str:
        return next((_text(place / name) for place in self._places() if (place / name).is_file()), "")


def _roles_in(place: Path) -> dict[str, RoleText]:
    """The roles of one folder by their file names."""
    parsed = {path.name: _role(path.name, _text(path)) for path in (place / "roles").glob("*.textile")}
    return {name: role for name, role in parsed.items() if role is not None}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        log.warning("the text %s cannot be read: %s", path, error)
        return ""


@lru_cache(KEPT)
def _html(source: str) -> Markup:
    return text_html(source)


@lru_cache(KEPT)
def _role(name: str, source: str) -> RoleText | None:
    head, found, rest = source.partition("\nbq. ")
    title, _, description = head.strip().partition("\n")
    prompt, openings = _parted(rest.strip())
    if not found or not prompt:
        return None
    key = name.removesuffix(".textile").split("-", 1)[-1]
    return RoleText(key, title.removeprefix("h2.").strip() or key, _html(description.strip()), prompt, openings)


def _parted(text: str) -> tuple[str, tuple[str, ...]]:
    """The prompt, and the questions to begin with: a list that ends the text, after an empty line."""
    prompt, found, last = text.rpartition("\n\n")
    if not found or not all(line.startswith("* ") for line in last.splitlines()):
        return text, ()
    return prompt.strip(), tuple(_items(last))


def _items(text: str) -> list[str]:
    return [line[2:].strip() for line in text.splitlines() if line.startswith("* ") and line[2:].strip()]
