"""Which model serves, kept over a restart until the settings say something else."""

import json
import stat

import pytest

from webbot.models import choice
from webbot.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return lambda **values: Settings(data=tmp_path / "data", **values)


def test_a_choice_is_kept(settings):
    assert choice.kept(settings()) == ""
    choice.keep("llama-3.2-1b", settings())
    assert choice.kept(settings(port=9999)) == "llama-3.2-1b"
    choice.keep("Modell mit Ümlaut", settings())
    assert choice.kept(settings()) == "Modell mit Ümlaut"
    folder = settings().data
    assert [file.name for file in folder.iterdir()] == ["model.json"]
    assert json.loads((folder / "model.json").read_text()) == {"name": "Modell mit Ümlaut", "instead_of": ["", "", ""]}
    assert stat.S_IMODE((folder / "model.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("changed", [{"model": "starter"}, {"gguf": "/x.gguf"}, {"remote_url": "http://127.0.0.1:1/v1"}])
def test_a_setting_that_changed_ends_it(settings, changed):
    choice.keep("llama-3.2-1b", settings())
    assert choice.kept(settings(**changed)) == ""
    choice.keep("llama-3.2-3b", settings(**changed))
    assert choice.kept(settings(**changed)) == "llama-3.2-3b"
    assert choice.kept(settings()) == ""


@pytest.mark.parametrize("text", [
    b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b'{"name": 1, "instead_of": []}', b'{"name": "x"}',
    b'{"name": "x", "instead_of": "y"}', b"[" * 50_000,
])
def test_garbage_does_not_count_and_is_told(settings, caplog, text):
    settings().data.mkdir()
    (settings().data / "model.json").write_bytes(text)
    assert choice.kept(settings()) == ""
    assert "model.json" in caplog.text
    choice.keep("starter", settings())
    assert choice.kept(settings()) == "starter"
