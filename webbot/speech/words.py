"""When each word is spoken, from where Whisper's decoder listens while it writes it. The arithmetic is openai-whisper's own."""

from __future__ import annotations

from typing import Any

import torch
from whisper import Whisper
from whisper.timing import add_word_timestamps

from webbot.speech.alignment import not_found
from webbot.speech.base import MEL_FRAMES, MEL_HOP, RATE, Piece, Spoken


def spoken_words(
    model: Whisper, tokenizer: Any, features: torch.Tensor, pieces: list[Piece], length: int
) -> list[list[Spoken]]:
    """The words of each piece, given the mel frames of `length` samples.

    Raises Unusable where they cannot be told apart.
    """
    segments: list[dict[str, Any]] = [
        {"seek": 0, "start": piece.first / RATE, "end": min(piece.last, length) / RATE, "tokens": list(piece.words), "words": []}
        for piece in pieces
    ]
    threads = torch.get_num_threads()
    try:
        with torch.inference_mode():
            add_word_timestamps(
                segments=segments, model=model, tokenizer=tokenizer, mel=features,
                num_frames=min(MEL_FRAMES, length // MEL_HOP), last_speech_timestamp=0.0,
            )
    except (RuntimeError, ImportError, IndexError, ValueError) as error:
        raise not_found() from error
    finally:
        torch.set_num_threads(threads)  # numba, which looks for the path, has set it for the whole process
    return [
        [Spoken(word["word"], int(word["start"] * RATE), int(word["end"] * RATE)) for word in segment["words"]]
        for segment in segments
    ]
