"""Which model serves, as a person chose it while the server ran: kept in data/model.json until the settings change."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path

from webbot.settings import Settings

LONGEST = 64 * 1024
log = logging.getLogger(__name__)


def kept(settings: Settings) -> str:
    """The name of the model that was chosen; "" where none was, or the settings have changed since."""
    file = _file(settings)
    try:
        with file.open("rb") as opened:
            value = json.loads(opened.read(LONGEST))
        name, instead_of = value["name"], value["instead_of"]
        if not isinstance(name, str) or not isinstance(instead_of, list):
            raise TypeError("name and instead_of")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("%s cannot be read and does not count (%s: %s)", file, type(error).__name__, error)
        return ""
    return name if instead_of == _said(settings) else ""


def keep(name: str, settings: Settings) -> None:
    """Keeps the choice. The file is always whole: it is put in place when it is written."""
    file = _file(settings)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = json.dumps({"name": name, "instead_of": _said(settings)}, ensure_ascii=False)
    handle, path = tempfile.mkstemp(prefix=".model-", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text + "\n")
            opened.flush()
            os.fsync(opened.fileno())
        Path(path).replace(file)
    finally:
        Path(path).unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.data / "model.json"


def _said(settings: Settings) -> list[str]:
    """What the settings say of the model. A choice made against it ends when it changes."""
    return [settings.model, settings.gguf, settings.remote_url]
