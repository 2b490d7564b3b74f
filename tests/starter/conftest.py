"""The programs of the chat starter, imported as they import each other: by their bare names from their folder."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

CHAT = Path(__file__).resolve().parents[2] / "starter" / "chat"


@pytest.fixture(scope="module")
def starter():
    """Some modules of the folder; none of them stays importable afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(CHAT))
    try:
        yield SimpleNamespace(
            **{name: importlib.import_module(name) for name in ("corpus", "evaluate", "heldout", "arithmetic", "tokens", "tools")}
        )
    finally:
        sys.path.remove(str(CHAT))
        own = {file.stem for file in CHAT.glob("*.py")}
        for name in set(sys.modules) - before:
            if name in own:
                del sys.modules[name]
