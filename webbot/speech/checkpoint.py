"""A file with Whisper's weights becomes a model. Only numbers are read from it."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import torch
from whisper import _ALIGNMENT_HEADS, ModelDimensions, Whisper

from webbot.errors import Unusable

LARGEST_DIMENSION = 200_000  # of any part of the network: the file's own claim, checked before memory is taken


def load_whisper(path: Path, device: torch.device) -> Whisper:
    """Weights in openai-whisper's format. Only numbers are read: a file with program code in it is refused, and none of it runs.

    Raises Unusable.
    """
    if path.is_dir():
        raise Unusable("{path} is a folder: a model of ctranslate2, perhaps. Please set speech_engine=ctranslate2.", path=path)
    if not path.is_file():
        raise Unusable("There is no file {path} with Whisper weights.", path=path)
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        dimensions = ModelDimensions(**checkpoint["dims"])
        if not all(isinstance(size, int) and 0 < size <= LARGEST_DIMENSION for size in vars(dimensions).values()):
            raise ValueError("impossible dimensions")
        model = Whisper(dimensions)
        model.load_state_dict(checkpoint["model_state_dict"])
    except pickle.UnpicklingError as error:
        raise Unusable(
            "The file {path} holds more than the numbers of a model, or is damaged. It was not loaded, because it could run "
            "a program here. Please use a file that openai-whisper publishes.", path=path,
        ) from error
    except (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, EOFError, AttributeError) as error:
        raise Unusable("The file {path} is not a whole Whisper model. Please download it again.", path=path) from error
    if path.stem in _ALIGNMENT_HEADS:
        with contextlib.suppress(ValueError):  # another shape under a published name
            model.set_alignment_heads(_ALIGNMENT_HEADS[path.stem])  # which parts of the network tell when a word is spoken
    return model.to(device).eval()
