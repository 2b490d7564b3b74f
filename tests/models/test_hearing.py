"""The speech model that hears, and what speaks against another one."""

import pytest

from webbot import settings as table
from webbot.models.hearing import Hearing
from webbot.speech import weights
from webbot.speech.transcribe import Transcriber


@pytest.mark.slow
def test_a_model_that_can_never_fit_does_not_keep_the_server_from_starting(tmp_path):
    chosen = table.load({}, models=tmp_path / "models", data=tmp_path / "data", speech_model="large-v3-turbo", model_memory=0.9)
    hearing = Hearing(chosen, lambda found: Transcriber(found.path, name=found.name, starter=found.starter, runtime=tmp_path))
    hearing.fetch()
    assert hearing.current.name == weights.STARTER.name
    assert hearing.coming.failed and "4.3 GB" in hearing.coming.sentence and "0.9 GB" in hearing.coming.sentence
    told = next(state for state in hearing.states() if state.name == "whisper-large-v3-turbo")
    assert (told.status, told.sentence) == ("absent", hearing.coming.sentence)
    hearing.close()
