"""Which way Whisper's weights in openai-whisper's format are computed: this one where there is a GPU, else openai-whisper's.
"""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from webbot.errors import NoMemory, Unavailable
from webbot.modelhost import begin_anew
from webbot.speech.base import Whisper
from webbot.speech.openai_whisper import OpenaiWhisper
from webbot.speech.torch_whisper.model import TorchWhisper

log = logging.getLogger(__name__)


def opened(weights: Path, device: str, threads: int) -> Whisper:
    """`device` is "auto", "cuda" or "cpu". A GPU that cannot compute this way has openai-whisper's. Raises Unusable."""
    if device == "cpu" or not torch.cuda.is_available():
        return OpenaiWhisper(weights, device, threads)
    model = None
    try:
        model = TorchWhisper(weights, broken=begin_anew)
        model.rehearse()
    except (RuntimeError, TypeError, ValueError, NoMemory, Unavailable) as error:
        reason = str(error).partition("\n")[0]
        log.warning("openai-whisper computes, one recording at a time: %s: %s", type(error).__name__, reason)
        if model is not None:
            model.close()
        return OpenaiWhisper(weights, device, threads)
    return model
