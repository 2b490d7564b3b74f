"""The starter for the tests of the engines: in this process (`loaded`) for the arithmetic, in its own (`local`) for the rest, and
as a GGUF file (`starter_gguf`, served by `gguf`, and by llama.cpp's own server, which `remote` asks)."""

import importlib.util
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from webbot.engines.echo import EchoEngine
from webbot.engines.fair import FairEngine
from webbot.engines.gguf import GgufEngine
from webbot.engines.local import LocalEngine
from webbot.engines.remote import RemoteEngine
from webbot.messages import Message
from webbot.models.catalog import STARTER

ROOT = Path(__file__).parents[2]


def until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def messages(*texts, role="You are a helpful, friendly assistant."):
    """A system message, then questions and answers by turns."""
    asked = [Message(role="system", text=role)] if role else []
    return asked + [Message(role=("user", "assistant")[number % 2], text=text) for number, text in enumerate(texts)]


@pytest.fixture(scope="session")
def loaded():
    from webbot.engines.llama import loading

    return loading.load(STARTER, "cpu", "float32", lambda progress, sentence: None)


@contextmanager
def opened(kind, tmp_path_factory):
    """Makes engines of that class, loaded, and closes them at the end."""
    made = []

    def make(model, **options):
        engine = kind(model, runtime=tmp_path_factory.mktemp("run"), **options)
        made.append(engine)
        until(lambda: engine.state().status != "loading")
        return engine

    try:
        yield make
    finally:
        for engine in made:
            engine.close()


@pytest.fixture
def make_local(tmp_path_factory):
    with opened(LocalEngine, tmp_path_factory) as make:
        yield lambda model=STARTER, **options: make(model, **options)


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    with opened(LocalEngine, tmp_path_factory) as make:
        yield make(STARTER, starter=True, precision="float32", token_timeout=20)


# The engines that keep the contract, each a fixture; `model` marks those that load a model.
ENGINES = ["echo", "fair", *(pytest.param(name, marks=pytest.mark.model) for name in ("local", "gguf", "remote"))]


@pytest.fixture
def echo():
    return EchoEngine(context=2048)


@pytest.fixture
def fair(echo):
    """The echo with the line in front of it."""
    return FairEngine(echo, 2, 8, 4)


@pytest.fixture
def engine(request):
    """Any engine: `request.param` names its fixture. Use with @pytest.mark.parametrize("engine", ENGINES, indirect=True)."""
    return request.getfixturevalue(request.param)


def program(path):
    """A program of the folder starter/, as a module."""
    found = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def make_starter_gguf(tmp_path_factory):
    """Writes the starter as GGUF in a type of to_gguf.TYPES."""
    def make(kind="f32"):
        file = tmp_path_factory.mktemp("gguf") / f"starter-{kind}.gguf"
        program(Path(STARTER).parent / "to_gguf.py").write(Path(STARTER), file, kind)
        return file

    return make


@pytest.fixture(scope="session")
def starter_gguf(make_starter_gguf):
    return make_starter_gguf()


@pytest.fixture
def make_gguf(tmp_path_factory):
    with opened(GgufEngine, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def gguf(tmp_path_factory, starter_gguf):
    with opened(GgufEngine, tmp_path_factory) as make:
        yield make(starter_gguf, starter=True, token_timeout=20)


@pytest.fixture(scope="session")
def llama_server(starter_gguf):
    """The address of llama.cpp's own server with the starter."""
    command = [sys.executable, str(Path(__file__).parent / "llama_server.py"), str(starter_gguf)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, **pipes) as process:
        yield process.stdout.readline().strip()
        process.kill()


@pytest.fixture(scope="session")
def remote(llama_server):
    engine = RemoteEngine(llama_server)
    until(lambda: engine.state().status != "loading")
    yield engine
    engine.close()
