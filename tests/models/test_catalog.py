"""Which model answers, and which are here."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from webbot.errors import Conflict, NotFound, Unavailable, Unusable
from webbot.models import catalog, choice, manifest, unfinished
from webbot.models.catalog import STARTER
from webbot.settings import Settings
from webbot.speech import weights


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Settings with empty folders: nothing but the starter is here."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def make(**values):
        return Settings(models=tmp_path / "models", data=tmp_path / "data", **values)

    return make


def put(folder):
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(STARTER, folder)
    return folder


def test_the_starter_answers_when_nothing_else_is_here(settings):
    found = catalog.choose(settings())
    assert found.starter
    assert found.path == STARTER
    assert catalog.is_whole(found.path)


def test_llama_answers_when_it_is_here(settings, tmp_path):
    folder = put(tmp_path / "models" / "llama-3.2-1b")
    found = catalog.choose(settings())
    assert (found.path, found.title, found.starter) == (folder, "Llama 3.2 1B", False)
    assert catalog.choose(settings(model="starter")).starter


@pytest.mark.parametrize("repository", catalog.ENTRIES[0].repositories)
def test_a_model_of_the_hubs_cache_is_found(settings, tmp_path, repository):
    place = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
    folder = put(place / "snapshots" / "abc")
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    assert catalog.choose(settings()).path == folder


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_half_a_model_is_not_here(settings, tmp_path, missing):
    folder = put(tmp_path / "models" / "llama-3.2-1b")
    (folder / missing).unlink()
    assert catalog.choose(settings()).starter


@pytest.mark.parametrize("name", ["llama-3.2-3b", "LLAMA-3.2-3B", "meta-llama/Llama-3.2-3B-Instruct"])
def test_names_of_one_model(settings, name):
    found = catalog.find(name, settings())
    assert (found.name, found.title, found.path) == ("llama-3.2-3b", "Llama 3.2 3B", None)


def test_a_named_model_that_is_not_here_leaves_the_answer_to_the_starter(settings):
    assert catalog.choose(settings(model="llama-3.2-3b")).starter
    assert catalog.choose(settings(model="somebody/model")).starter


def test_a_folder_is_taken_as_it_is(settings, tmp_path):
    folder = put(tmp_path / "my-model")
    assert catalog.choose(settings(model=str(folder))).path == folder
    assert catalog.choose(settings(model=str(tmp_path / "nowhere"))).path == tmp_path / "nowhere"


@pytest.mark.parametrize("name", ["/etc", "..", "", "somebody/large-model", "./starter"])
def test_a_visitor_cannot_name_just_anything(settings, name):
    with pytest.raises(NotFound):
        catalog.find(name, settings())


def test_the_offer_is_possible_or_says_why_not(settings):
    offered = catalog.offer(settings())
    assert (offered["name"], offered["size"], offered["possible"]) == ("llama-3.2-1b", "2.5 GB", True)
    offered = catalog.offer(settings(offline=True))
    assert not offered["possible"]
    assert "WEBBOT_OFFLINE" in offered["reason"]
    assert catalog.offer(settings(model="llama-3.2-3b"))["name"] == "llama-3.2-3b"
    assert catalog.offer(settings(model="starter")) is None


def test_the_download_goes_where_the_model_is_looked_for(settings):
    """The command names the folder of models; tests/models/test_model_download.py runs it."""
    found = catalog.find("llama-3.2-1b", settings())
    assert catalog.download_command(found, settings())[-2:] == ["llama-3.2-1b", str(settings().models)]
    told = catalog.download_command(catalog.find("whisper-base", settings()), settings())
    assert told[-3:] == ["webbot.speech.download", "base", str(settings().models / "whisper")]
    named = settings(model="some/Model@v2:Q4_K_M")
    assert catalog.download_command(catalog.find(named.model, named), named)[-2] == named.model
    with pytest.raises(Unavailable):
        catalog.download_command(found, settings(offline=True))
    with pytest.raises(Unavailable, match="did not come from a hub"):
        catalog.download_command(catalog.find("/own/folder", settings(model="/own/folder")), settings())


SPEECH = ["whisper-base", "whisper-small", "whisper-large-v3-turbo", "whisper-starter"]


def listed(chosen):
    return [found.name for found in catalog.here(chosen)]


def test_the_list_shows_every_model_once(settings):
    entries = ["llama-3.2-1b", "llama-3.2-3b"]
    assert listed(settings()) == [*entries, *SPEECH, "starter"]
    assert listed(settings(model="a/Big-Model")) == [*entries, "big-model", *SPEECH, "starter"]
    assert listed(settings(model="llama-3.2-3b")) == listed(settings(model="starter")) == listed(settings())


def gguf(path, count=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF" * count)
    return path


def test_what_lies_in_the_folder_of_models_has_a_name_of_its_own(settings, tmp_path):
    models = tmp_path / "models"
    put(models / "somebody--Some-Model")
    put(models / "My Model")
    put(models / "half.part")
    (models / "notes").mkdir()
    gguf(models / "Tiny Chat-Q4_K_M.gguf", 2)
    gguf(models / "mmproj-tiny.gguf")
    for number in (1, 2):
        gguf(models / f"Big-Q8_0-0000{number}-of-00002.gguf", 3)
    outside = gguf(tmp_path / "elsewhere" / "Big-Q8_0.gguf")
    gguf(models / "llama.gguf")
    chosen = settings(gguf=str(outside))
    found = {found.name: found for found in catalog.here(chosen)}
    assert list(found)[2:-5] == ["big-q8_0", "my-model", "some-model", "big-q8_0-2", "tiny-chat-q4_k_m", "llama-2"]
    assert (found["some-model"].title, found["some-model"].kind) == ("Some Model", "local")
    assert (found["tiny-chat-q4_k_m"].kind, found["tiny-chat-q4_k_m"].size) == ("gguf", 8)
    assert found["big-q8_0-2"].size == 24, "both parts"
    assert not any(one.removable for one in found.values())
    for name, one in found.items():
        assert catalog.find(name, chosen) == one
        assert "/" not in name and " " not in name and name == name.lower()


def test_other_names_of_a_model(settings, tmp_path):
    folder = put(tmp_path / "models" / "somebody--Some-Model")
    file = gguf(tmp_path / "own" / "Tiny Chat-Q4_K_M.gguf")
    chosen = settings(gguf=str(file))
    for name in ("some-model", "Some-Model", "somebody/Some-Model", "SOMEBODY/some-model"):
        assert catalog.find(name, chosen).path == folder
    for name in (str(file), "tiny-chat-q4_k_m", "Tiny-Chat-Q4_K_M"):
        assert catalog.find(name, chosen).path == file
    assert catalog.find("llama-3.2-1b", chosen) == catalog.find("Llama-3.2-1B", chosen)
    assert catalog.find("turbo", chosen).name == "whisper-large-v3-turbo"
    with pytest.raises(NotFound):
        catalog.find(str(folder), chosen)


def test_the_folder_of_models_gives_names_to_the_setting(settings, tmp_path):
    folder = put(tmp_path / "models" / "mine")
    assert catalog.choose(settings(model="mine")).path == folder
    file = gguf(tmp_path / "models" / "tiny.gguf")
    assert catalog.choose(settings(model="tiny")).path == file
    assert listed(settings(model="mine")) == listed(settings())


def test_what_answers_in_their_order(settings, tmp_path):
    file = gguf(tmp_path / "own" / "tiny.gguf")
    assert catalog.choose(settings(gguf=str(file))).path == file
    put(tmp_path / "models" / "llama-3.2-1b")
    assert catalog.choose(settings(gguf=str(file))).name == "tiny"
    both = settings(gguf=str(file), model="llama-3.2-1b")
    assert catalog.choose(both).name == "llama-3.2-1b"
    choice.keep("tiny", both)
    assert catalog.choose(both).name == "tiny"
    choice.keep("whisper-starter", both)
    assert catalog.choose(both).name == "llama-3.2-1b", "what hears does not write"
    choice.keep("gone", both)
    assert catalog.choose(both).name == "llama-3.2-1b"
    assert catalog.choose(settings(gguf=str(tmp_path / "none.gguf"))).path == tmp_path / "none.gguf", "its engine says so"


def test_speech_models(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    folder = tmp_path / "models" / "whisper"
    (folder / "own-base").mkdir(parents=True)
    for name in ("model.bin", "config.json"):
        (folder / "own-base" / name).write_text("x")
    shutil.copyfile(weights.STARTER.path, folder / "tiny.pt")
    shutil.copyfile(weights.STARTER.path, folder / "mine.pt")
    found = {one.name: one for one in catalog.here(settings()) if one.kind == "speech"}
    assert set(found) == {*SPEECH, "whisper-tiny", "whisper-mine", "whisper-own-base"}
    assert found["whisper-tiny"].removable and not found["whisper-mine"].removable and not found["whisper-own-base"].removable
    assert catalog.find("tiny", settings()).name == "whisper-tiny"
    assert catalog.find("whisper-base", settings()).path is None
    assert catalog.find("medium", settings(speech_model="whisper-medium")).name == "whisper-medium"
    assert catalog.wanted("whisper-medium", settings()).path is None
    with pytest.raises(NotFound):
        catalog.find("medium", settings())
    named = settings(speech_model=str(folder / "mine.pt"))
    assert catalog.find(str(folder / "mine.pt"), named).name == "whisper-mine"


@pytest.mark.parametrize("name", ["mine", "/etc", "x" * 500, "\0", "../models/mine", "a/b:c.gguf", "\ud800"])
def test_names_that_nobody_has(settings, name):
    with pytest.raises(NotFound):
        catalog.find(name, settings())


def test_the_owner_may_name_any_model_of_the_hub(settings):
    for name in ("some/Model", "some/Model@v1", "some/Model:Q4_K_M", "some/Model@v1:Model-Q8_0.gguf"):
        found = catalog.wanted(name, settings())
        assert (found.path, str(found.hub)) == (None, name)
    for name in ("nothing", "/etc", "..", "a/../b"):
        with pytest.raises(NotFound):
            catalog.wanted(name, settings())


def test_only_what_webbot_downloaded_is_deleted(settings, tmp_path):
    models = tmp_path / "models"
    own, ours = put(models / "own"), put(models / "somebody--ours")
    manifest.write(ours, manifest.Manifest(repository="somebody/ours", revision="main"))
    assert catalog.remove(catalog.find("ours", settings()), settings()) > 26_000_000
    assert not ours.exists() and own.exists() and [path.name for path in models.iterdir()] == ["own"]
    for name, chosen in (("own", settings()), ("starter", settings()), ("whisper-starter", settings())):
        with pytest.raises(Conflict):
            catalog.remove(catalog.find(name, chosen), chosen)
    with pytest.raises(NotFound):
        catalog.remove(catalog.find("llama-3.2-1b", settings()), settings())
    (models / "elsewhere").symlink_to(own)
    manifest.write(own, manifest.Manifest(repository="a/b", revision="main"))
    outside = tmp_path / "outside"
    own.rename(outside)
    (models / "elsewhere").unlink()
    (models / "linked").symlink_to(outside)
    with pytest.raises(Conflict):
        catalog.remove(catalog.find("linked", settings()), settings())
    assert outside.exists()


def test_a_damaged_model_is_named_by_its_file(tmp_path):
    folder = put(tmp_path / "model")
    assert manifest.verify(folder) == 0, "nothing is known of it"
    file = folder / "config.json"
    known = {"config.json": manifest.File(file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())}
    manifest.write(folder, manifest.Manifest(repository="a/b", revision="main", files=known))
    assert manifest.verify(folder) == 1
    text = file.read_text()
    file.write_text(text.replace("0", "1"))
    manifest.check(folder)
    with pytest.raises(Unusable, match=r"config\.json is not what was downloaded"):
        manifest.verify(folder)
    file.write_text(text[:-1])
    with pytest.raises(Unusable, match=r"config\.json is truncated"):
        manifest.check(folder)
    file.unlink()
    with pytest.raises(Unusable, match=r"config\.json is missing"):
        manifest.check(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"repository": 1, "revision": 2, "files": 3}', "\0", "[" * 100_000,
                                  '{"repository": "a", "revision": "b", "files": {"x": {"size": "x", "sha256": ""}}}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / ".webbot.json").write_text(text)
    assert manifest.read(tmp_path) is None
    manifest.check(tmp_path)


def test_a_note_cannot_name_files_elsewhere(tmp_path):
    (tmp_path / ".webbot.json").write_text(json.dumps({
        "repository": "a", "revision": "b",
        "files": {"../x": {"size": 1, "sha256": ""}, "/etc/passwd": {"size": 1, "sha256": ""}},
    }))
    assert manifest.read(tmp_path).files == {}


# downloads that did not come to their end


def begun(models, target, name, total=0):
    models.mkdir(exist_ok=True)
    part = unfinished.begin(models / target, name, total)
    (part / "model.safetensors.abc.unfinished").write_bytes(bytes(2_000_000))
    return part


@pytest.mark.parametrize(("target", "spec", "name", "kind"), [
    ("some--Model@v2", "some/Model@v2", "model-v2", "local"),
    ("Tiny-Q4_K_M.gguf", "some/Tiny-GGUF:Q4_K_M", "tiny-q4_k_m", "gguf"),
])
def test_what_has_begun_is_listed_pulled_on_and_removed(settings, tmp_path, target, spec, name, kind):
    part = begun(tmp_path / "models", target, spec, 8_000_000)
    found = catalog.find(spec, settings())
    assert (found.path, found.kind, found.size, str(found.hub)) == (None, kind, 8_000_000, spec)
    assert found.name.replace("@", "-") == name
    assert found.begun.sentence == "2 MB of 8 MB have come; the download goes on there."
    assert catalog.download_command(found, settings())[-2] == spec
    named = settings(model=spec)
    assert [one.begun is not None for one in catalog.here(named) if one.hub is not None] == [True], "once"
    assert catalog.remove(found, settings()) == 2_000_000
    assert not part.exists()
    with pytest.raises(NotFound):
        catalog.find(spec, settings())


def test_what_has_begun_of_a_known_model_is_its_own(settings, tmp_path):
    part = begun(tmp_path / "models", "llama-3.2-3b", "llama-3.2-3b", 6_000_000_000)
    begun(tmp_path / "models", "other--One", "")  # begun before there were notes
    (tmp_path / "models" / "holidays.part").mkdir()
    assert listed(settings()) == ["llama-3.2-1b", "llama-3.2-3b", "one", *SPEECH, "starter"]
    assert str(catalog.find("one", settings()).hub) == "other/One"
    with unfinished.alone(tmp_path / "models" / "llama-3.2-3b"), pytest.raises(Conflict, match="downloading"):
        catalog.remove(catalog.find("llama-3.2-3b", settings()), settings())
    catalog.remove(catalog.find("llama-3.2-3b", settings()), settings())
    assert not part.exists() and catalog.find("llama-3.2-3b", settings()).begun is None
    assert (tmp_path / "models" / "holidays.part").exists()


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"name": 3, "total": "x"}', '{"name": "../../etc", "total": -1}', "[" * 4000])
def test_a_spoilt_note_harms_nobody(settings, tmp_path, note):
    part = begun(tmp_path / "models", "some--Model", "some/Model")
    (part / unfinished.NOTE).write_text(note)
    found = catalog.find("model", settings())
    assert found.begun.place == part and found.size == 0
    assert "2 MB have come" in found.begun.sentence
