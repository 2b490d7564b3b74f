"""The starter in ctranslate2's form, and how like it is to the standard one.

    python convert.py FOLDER [CHECKPOINT]

Writes FOLDER (model.bin, config.json, vocabulary.json), then compares on sentences that espeak-ng speaks: the cosine between
both encoders' outputs, and whether both write the same tokens. Any other checkpoint of openai-whisper can be given, too. webbot
does the same conversion by itself when speech_engine is ctranslate2, and keeps what it made in its data folder.
"""

import argparse
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from webbot.speech.base import RATE, Question  # noqa: E402
from webbot.speech.convert import write  # noqa: E402
from webbot.speech.ctranslate2_whisper import Ctranslate2Whisper  # noqa: E402
from webbot.speech.openai_whisper import OpenaiWhisper  # noqa: E402

SENTENCES = (
    "What is the capital of France?", "My name is Oliver.", "Please tell me a joke.", "Tell me about the moon and the stars.",
    "Yes.", "What is 7 times 8?", "Hello, how are you today?", "Where do penguins live?", "Write a short poem about the sea.",
    "Thank you very much.",
)


def spoken(text):
    made = subprocess.run(["espeak-ng", "-v", "en", "--stdout", text], capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(made), dtype="float32")
    return soxr.resample(samples, rate, RATE)


def compare(checkpoint, folder, sentences=SENTENCES):
    """[(sentence, cosine of the encoders' outputs, whether the tokens are the same, text)], the second in 8 bits."""
    standard, other = OpenaiWhisper(Path(checkpoint), "cpu"), Ctranslate2Whisper(Path(folder))
    rows = []
    for sentence in sentences:
        samples, question = spoken(sentence), Question(language="en")
        with torch.inference_mode():
            seen = standard.model.encoder(standard.take_in(samples).mel[None])[0].numpy().ravel()
        sound = other.take_in(samples)
        also = np.array(sound.encoded)[0].ravel()
        first, second = standard.guess(standard.take_in(samples), question, 0.0), other.guess(sound, question, 0.0)
        cosine = float(seen @ also / np.linalg.norm(seen) / np.linalg.norm(also))
        rows.append((sentence, cosine, first.tokens == second.tokens, second.text))
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("folder", type=Path)
    p.add_argument("checkpoint", type=Path, nargs="?", default=HERE / "model" / "starter-speech.pt")
    a = p.parse_args()
    write(a.checkpoint, a.folder)
    rows = compare(a.checkpoint, a.folder)
    for _, cosine, same, text in rows:
        print(f"{cosine:.5f}  {'same' if same else 'OTHER'}  {text}")
    return 0 if all(same and cosine > 0.999 for _, cosine, same, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
