"""Which model answers, and which are here."""

import shutil

import pytest
from huggingface_hub import constants

from webbot.errors import NotFound, Unavailable
from webbot.models import catalog
from webbot.models.catalog import STARTER
from webbot.settings import Settings


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
    found = catalog.find("llama-3.2-1b", settings())
    folder = put(settings().models / catalog.download_command(found, settings())[-1].rpartition("/")[2])
    assert catalog.find("llama-3.2-1b", settings()).path == folder
    with pytest.raises(Unavailable):
        catalog.download_command(found, settings(offline=True))


def test_the_list_shows_every_model_once(settings):
    assert [found.name for found in catalog.here(settings())] == ["llama-3.2-1b", "llama-3.2-3b", "starter"]
    assert [found.name for found in catalog.here(settings(model="a/b"))] == ["llama-3.2-1b", "llama-3.2-3b", "a/b", "starter"]
