"""The settings page, docs/settings.md, made from the table of settings. Knows nothing of what a setting does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from webbot.settings import PARTS, PREFIX, ROOT, table

OPENING = """# Settings

Made by `python -m webbot settings --write` from the table in `webbot/settings.py`; a test holds the two together.

Every setting is an environment variable, and an option of the command line: `WEBBOT_PORT=9443 ./run_webbot.sh` and
`./run_webbot.sh --port 9443` mean the same. The option wins. A name that is not in this list is an error, so that a slip of
the pen does not go unnoticed. Switches take yes or no, lists are separated by commas.

| Name | Default | What it does |
|---|---|---|
"""
CLOSING = """
The scripts read three more: `WEBBOT_VENV` (the folder of the Python environment), `WEBBOT_PYTHON` (the Python that makes it)
and `WEBBOT_TEST_ALL` (tests that would be left out fail instead).
"""


def settings_page() -> str:
    """docs/settings.md as it has to be."""
    return OPENING + "".join(_line(row) for row in table()) + CLOSING


def _line(row: dataclasses.Field[Any]) -> str:
    details = [row.metadata["sentence"]]
    if row.metadata["choices"]:
        details.append("One of: " + ", ".join(f"`{choice}`" for choice in row.metadata["choices"] if choice) + ".")
    if row.metadata["least"] is not None:
        details.append(f"From {row.metadata['least']} to {row.metadata['most']}.")
    if row.metadata["aliases"]:
        details.append("Also read from " + ", ".join(_older(alias) for alias in row.metadata["aliases"]) + ".")
    text = " ".join(details).replace("|", "\\|")
    return f"| `{PREFIX}{row.name.upper()}` | {_shown(row.default)} | {text} |\n"


def _older(alias: str) -> str:
    return f"`{alias}` (in characters: divided by {PARTS[alias]})" if alias in PARTS else f"`{alias}`"


def _shown(value: Any) -> str:
    if isinstance(value, Path):
        return f"`{value.relative_to(ROOT)}/`"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value}`" if value not in ("", ()) else ""
