"""What ctranslate2 makes of Whisper is what openai-whisper makes of it: the same starter, converted on this machine."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import whisper

from starter.speech import convert as program
from tests.engines.conftest import until
from tests.speech.conftest import ready
from tests.speech.recordings import needs_voice, noises, spoken, wav
from webbot.errors import Unusable
from webbot.speech import converted as kept
from webbot.speech import mel, weights
from webbot.speech.base import Question
from webbot.speech.checkpoint import load_whisper
from webbot.speech.convert import vocabulary
from webbot.speech.ctranslate2_folder import read_shape
from webbot.speech.ctranslate2_whisper import Ctranslate2Whisper, opened, try_out
from webbot.speech.segments import Wishes
from webbot.speech.tokenizer import tokenizer
from webbot.speech.transcribe import Transcriber, Transcript

pytestmark = [pytest.mark.model, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(quick, converted):
    return kept.place(weights.STARTER.path, converted / "converted")


@pytest.fixture
def copied(folder, tmp_path):
    """The starter in ctranslate2's form, as if somebody else had made it."""
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    (copy / kept.MADE).unlink()
    return copy


def told(path, runtime):
    """(how it ended, the sentence) of a process that loads `path`."""
    made = ready(Transcriber(path, runtime=runtime, engine="ctranslate2"))
    state, host = made.state(), made.host
    made.close()
    assert len(host._crashes) == 0  # nothing was tried again
    return state.status, state.sentence


@needs_voice
@pytest.mark.parametrize("sentence", program.SENTENCES[:6])
def test_both_engines_write_the_same(sentence, transcriber, quick):
    data = wav(spoken(sentence))
    assert quick.transcribe(data).text == transcriber.transcribe(data).text == sentence


@needs_voice
def test_both_engines_tell_the_same_of_segments_and_words(transcriber, quick):
    data = wav(np.concatenate([spoken("My name is Oliver."), np.zeros(16_000), spoken()]))
    first, second = (
        [item for item in engine.listen(data, Wishes(words=True)) if item is not None] for engine in (transcriber, quick)
    )
    assert isinstance(second[-1], Transcript) and second[-1].text == first[-1].text
    assert [part.tokens for part in first[:-1]] == [part.tokens for part in second[:-1]]
    for one, other in zip(first[:-1], second[:-1], strict=True):
        assert abs(one.start - other.start) < 0.1 and abs(one.end - other.end) < 0.1
        assert abs(one.avg_logprob - other.avg_logprob) < 0.1
        assert [word.word for word in one.words] == [word.word for word in other.words]
        assert all(abs(word.start - same.start) < 0.2 for word, same in zip(one.words, other.words, strict=True))


@needs_voice
def test_the_converted_network_computes_the_same(folder):
    rows = program.compare(weights.STARTER.path, folder, program.SENTENCES[:1])
    assert all(same and cosine > 0.999 for _, cosine, same, _ in rows), rows


def test_mel_frames_are_those_of_openai_whisper():
    samples = noises()["white noise"].astype(np.float32)[:32_100]
    for mels in (80, 128):
        theirs = whisper.log_mel_spectrogram(torch.from_numpy(samples), mels, padding=480_000).numpy()[:, :200]
        ours = mel.log_mel(samples, mels, 1000)
        assert ours.shape == (mels, 1000) and not ours[:, 200:].any()
        assert np.abs(ours[:, :200] - theirs).max() < 1e-3


def test_the_process_loads_no_torch_and_knows_its_engine(quick):
    assert quick.state().info["engine"] == "ctranslate2" and quick.state().info["resampler"] == "soxr"
    maps = Path(f"/proc/{quick.host.pid}/maps")
    if not maps.exists():
        pytest.skip("this system has no /proc")
    assert "libctranslate2" in maps.read_text() and "libtorch" not in maps.read_text()


def test_a_vocabulary_has_a_name_for_each_token():
    for count, multilingual, languages in ((51_864, False, 99), (51_866, True, 100)):
        words = vocabulary(tokenizer(multilingual, languages, "en", "transcribe"), count)
        assert len(words) == len(set(words)) == count
        assert "Ġthe" in words and words[-1] == "<|30.00|>"


@needs_voice
def test_a_folder_is_loaded_by_its_path(copied, tmp_path):
    found = weights.find(str(copied), tmp_path)
    assert found == weights.Found(copied, "model")
    made = ready(Transcriber(found.path, runtime=tmp_path / "run", engine="ctranslate2"))
    try:
        assert made.transcribe(wav(spoken("Yes."))).text == "Yes."
        assert not (tmp_path / "run" / "converted").exists()
    finally:
        made.close()


def test_what_is_no_model_is_said_in_a_sentence(copied, tmp_path):
    whole = (copied / "model.bin").read_bytes()
    other = whole.replace(b"WhisperSpec", b"OtherKindOf", 1)
    for broken in (b"", whole[:3_000_000], other, b"\0" * 100_000, os.urandom(100_000)):
        (copied / "model.bin").write_bytes(broken)
        with pytest.raises(Unusable, match="no whole Whisper model"):
            read_shape(copied)
    assert told(copied, tmp_path / "run") == ("failed", f"The folder {copied} is no whole Whisper model of ctranslate2. "
                                              "Please download or convert it again.")
    (copied / "model.bin").unlink()
    with pytest.raises(Unusable, match=r"it has no model\.bin"):
        read_shape(copied)


def test_a_folder_that_ends_its_process_is_one_sentence(copied):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"alignment_heads": [[9999, 9999]]}))
    with pytest.raises(Unusable, match=r"cannot use the model .* on the device cpu: "):
        try_out(copied, "cpu")


def test_a_kept_conversion_is_made_again_when_it_is_broken_or_its_source_changed(folder, tmp_path):
    source = weights.STARTER.path
    assert kept.own(folder) and kept.made_of(folder, source)
    copy = tmp_path / "kept" / folder.name
    shutil.copytree(folder, copy)
    assert kept.ready(source, copy.parent, lambda *_: pytest.fail("nothing was to be made")) == copy
    with (copy / "model.bin").open("r+b") as file:
        file.seek(20_000_000)
        file.write(b"flipped")
    assert not kept.own(copy)
    said = []
    assert kept.ready(source, copy.parent, lambda *step: said.append(step)) == copy
    assert kept.own(copy) and "This happens once" in said[0][1]
    assert sorted(path.name for path in copy.parent.iterdir()) == [folder.name]
    other = tmp_path / source.name
    other.write_bytes(source.read_bytes()[:-1])
    assert not kept.made_of(copy, other)
    (copy / kept.MADE).write_text("[" * 100_000)
    assert not kept.own(copy) and not kept.made_of(copy, source)


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_weights_that_could_run_a_program_are_not_converted(tmp_path):
    canary, path = tmp_path / "canary", tmp_path / "evil.pt"
    torch.save({"dims": Canary(canary), "model_state_dict": {}}, path)
    with pytest.raises(Unusable, match="could run a program"):
        kept.ready(path, tmp_path / "kept", lambda *_: None)
    assert not canary.exists() and list((tmp_path / "kept").iterdir()) == []


def test_the_default_engine_says_what_to_do_with_a_folder(copied):
    with pytest.raises(Unusable, match="speech_engine=ctranslate2"):
        load_whisper(copied, torch.device("cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_named(copied, tmp_path):
    with pytest.raises(Unusable, match="no CUDA device"):
        opened(copied, tmp_path, "cuda", 0, lambda *_: None)


def thin(folder, state, layers):
    """Many languages in a thin shape with random weights, in ctranslate2's form."""
    torch.manual_seed(0)
    dims = whisper.ModelDimensions(
        n_mels=80, n_audio_ctx=1500, n_audio_state=state, n_audio_head=1, n_audio_layer=layers[0], n_vocab=51_865,
        n_text_ctx=448, n_text_state=state, n_text_head=1, n_text_layer=layers[1],
    )
    model = whisper.Whisper(dims)
    for parameter in model.parameters():  # openai-whisper leaves some as they were found in memory
        torch.nn.init.normal_(parameter, std=0.02)
    torch.save({"dims": vars(dims), "model_state_dict": model.state_dict()}, folder / "thin.pt")
    program.write(folder / "thin.pt", folder / "thin")
    return Ctranslate2Whisper(folder / "thin")


def test_a_model_of_many_languages_finds_one_and_believes_nothing_that_it_guesses(tmp_path):
    model = thin(tmp_path, 64, (1, 1))
    assert model.multilingual and model.translates
    sound = model.take_in(noises()["tone"].astype(np.float32), 1000)
    found = model.guess(sound, Question(), 0.0)
    assert found.language in model.tokenizer("en", "transcribe").all_language_codes and found.language == sound.language
    told_to = model.guess(sound, Question(language="de", task="translate", prompt=(1, 2, 3)), 0.4)
    assert told_to.language == "de" and told_to.temperature == 0.4 and told_to.avg_logprob < -1
    assert len(told_to.tokens) <= 224


def test_a_model_whose_shape_is_that_of_turbo_does_not_translate(tmp_path):
    assert thin(tmp_path, 8, (32, 4)).translates is False


@needs_voice
def test_a_killed_process_comes_back(quick):
    os.kill(quick.host.pid, signal.SIGKILL)
    until(lambda: quick.state().status != "ready")
    assert ready(quick).transcribe(wav(spoken("Yes."))).text == "Yes."
