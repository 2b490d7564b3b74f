"""The downloads beside the answers: how long their failures are told."""

import pytest

from webbot.errors import Unavailable
from webbot.models import catalog, pulls
from webbot.models.pulls import Pulls
from webbot.settings import Settings


def test_the_failure_of_an_unknown_model_is_forgotten_after_a_while(tmp_path, monkeypatch):
    chosen = Settings(models=tmp_path / "models", data=tmp_path / "data")
    told = Pulls(chosen)
    monkeypatch.setattr(catalog, "download_command", lambda found, settings: ["/no/such/program"])
    for name in ("nobody/nothing", "llama-3.2-3b"):
        with pytest.raises(Unavailable):
            told.fetch(catalog.wanted(name, chosen), lambda progress, sentence: None)
    assert {name: coming.failed for name, coming in told.all().items()} == {"nothing": True, "llama-3.2-3b": True}
    monkeypatch.setattr(pulls, "FORGET_SECONDS", -1)
    assert list(told.all()) == ["llama-3.2-3b"], "which the list has anyway"
    assert told.coming("nothing") is None
