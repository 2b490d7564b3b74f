"""A thin Whisper of many languages with random weights, in files for both ways of computing it."""

import pytest
import torch
import whisper

from webbot.speech.openai_whisper import OpenaiWhisper
from webbot.speech.torch_whisper.model import TorchWhisper

CONTEXT = 48  # tokens: a guess ends after 24


@pytest.fixture(scope="session")
def thin(tmp_path_factory):
    torch.manual_seed(1)
    dims = whisper.ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=64, n_audio_head=2, n_audio_layer=2, n_vocab=51_865, n_text_ctx=CONTEXT,
        n_text_state=64, n_text_head=2, n_text_layer=2,
    )
    model = whisper.Whisper(dims)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    path = tmp_path_factory.mktemp("thin") / "thin.pt"
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, path)
    return path


@pytest.fixture(scope="session")
def theirs(thin):
    return OpenaiWhisper(thin, "cpu")


@pytest.fixture(scope="session")
def ours(thin):
    """Reads each step at once."""
    model = TorchWhisper(thin, "cpu", rows=3)
    yield model
    model.close()


@pytest.fixture(scope="session")
def late(thin):
    """Reads each step while the next one is computed, as on a GPU."""
    model = TorchWhisper(thin, "cpu", rows=3, ahead=1)
    yield model
    model.close()
