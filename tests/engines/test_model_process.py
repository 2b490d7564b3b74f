"""A model's real process when its memory ends, when its computation hangs, and when its folder is hostile."""

import ctypes
import os
import resource
import socket
import threading
import time
from dataclasses import replace

import psutil
import pytest

from tests.engines import small_llama
from tests.engines.conftest import until
from webbot.engines.local import LocalEngine
from webbot.errors import NoMemory, Unavailable
from webbot.messages import Message, Options

pytestmark = [pytest.mark.model, pytest.mark.slow]
# What one token is computed with takes over 1 MB: even the shortest piece of a prompt, of 32 tokens, is large beside the model.
WIDE = {"intermediate_size": 98304, "max_position_embeddings": 8192}
SPARE = 20 * 1024**2  # two threads have room in it, and a step that writes
SEIZE, INTERRUPT, WAIT_ALL = 0x4206, 0x4207, 0x40000000  # of ptrace and waitpid
BRIEF = Options(temperature=0, max_tokens=2)
ENDLESS = Options(temperature=1, seed=1, logit_bias={259: -100.0})  # never the model's end of an answer


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = small_llama.make(tmp_path_factory.mktemp("models") / "wide", **WIDE)
    made = LocalEngine(folder, runtime=tmp_path_factory.mktemp("run"), precision="float32", parallel=4, token_timeout=6)
    until(lambda: made.state().status != "loading")
    assert made.state().status == "ready", made.state().sentence
    yield made
    made.close()


def ask(engine, tokens, options=BRIEF):
    return list(engine.answer([Message(role="user", text="x" * tokens)], options))


def test_what_finds_no_memory_fails_alone(engine):
    ask(engine, 5)
    process = psutil.Process(engine.host.pid)
    neighbour = engine.answer([Message(role="user", text="tell")], replace(ENDLESS, max_tokens=900), owner="ann")
    assert next(event for event in neighbour if getattr(event, "text", ""))
    limit = process.memory_info().vms + SPARE
    resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    with pytest.raises(NoMemory, match="too long for the memory") as refused:
        ask(engine, 1500)
    assert refused.value.status == 507
    assert any(getattr(event, "text", "") for event in neighbour), "the others go on"
    resource.prlimit(process.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    neighbour.close()
    assert ask(engine, 5)[-1].usage.answer_tokens == 2
    assert ask(engine, 1500)[-1].usage.prompt_tokens > 1500
    assert process.is_running()


def test_a_stuck_computation_ends_the_answer_and_the_process(engine):
    """Only the thread that computes is stopped: the process itself gives signs of life on."""
    running = engine.answer([Message(role="user", text="tell")], ENDLESS)
    assert next(event for event in running if getattr(event, "text", ""))
    process = psutil.Process(engine.host.pid)
    before = {thread.id: thread.user_time for thread in process.threads()}
    until_time = time.monotonic() + 0.5
    while time.monotonic() < until_time:
        next(running)
    computing = max(process.threads(), key=lambda thread: thread.user_time - before.get(thread.id, 0)).id
    began = time.monotonic()
    tracer = threading.Thread(target=freeze, args=(computing,), daemon=True)
    tracer.start()
    with pytest.raises(Unavailable, match="being started again"):
        for _ in running:
            pass
    assert 3 < time.monotonic() - began < 30
    until(lambda: engine.host.pid != process.pid)
    tracer.join(10)


def freeze(thread):
    """Stops one thread of another process, until that process is killed."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert libc.ptrace(SEIZE, thread, None, None) == 0, os.strerror(ctypes.get_errno())
    assert libc.ptrace(INTERRUPT, thread, None, None) == 0
    while os.WIFSTOPPED(os.waitpid(thread, WAIT_ALL)[1]):
        pass


def test_a_hostile_folder_reaches_nobody_and_fails_with_a_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0)
        address = f"http://127.0.0.1:{canary.getsockname()[1]}/x"
        names = {"_name_or_path": address, "base_model_name_or_path": address, "backbone": address}
        folder = small_llama.make(tmp_path / "evil", **names)
        (folder / "tokenizer_config.json").write_text(
            f'{{"tokenizer_file": "{address}", "vocab_file": "{address}", "name_or_path": "{address}", "chat_template": '
            f'"{{% for i in range(99999) %}}{{% for j in range(99999) %}}{{% endfor %}}{{% endfor %}}"}}'
        )
        engine = LocalEngine(folder, runtime=tmp_path / "run")
        try:
            until(lambda: engine.state().status != "loading")
            state = engine.state()
            assert state.status == "failed"
            assert state.sentence == "The model's chat template cannot be used (it takes too long or too much memory)."
            until(lambda: engine.host.process.poll() is not None, 5)  # and is not started again
            with pytest.raises(BlockingIOError):
                canary.accept()
        finally:
            engine.close()
