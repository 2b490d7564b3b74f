"""The keeper's process over its socket: what a web process is given is what one process alone would have, problems included."""

import contextlib
import json
import os
import signal
import time
from array import array

import pytest

from tests.engines.conftest import messages, until
from webbot import makers, values
from webbot.engines.base import Embeddings
from webbot.errors import BadInput, NotFound, Problem, SettingsError, TooLong, TooMany, Unavailable
from webbot.messages import Delta, Finished, Options, Tool
from webbot.modelhost import frames
from webbot.models import control
from webbot.settings import Settings, load
from webbot.shared import packing
from webbot.shared.asking import LOST, SharedModels
from webbot.shared.keeping import Keeping
from webbot.speech.segments import Wishes

pytestmark = pytest.mark.slow  # a process of its own


def chosen(folder, **given):
    return load({}, engine="echo", speech=False, data=folder, models=folder / "models", context=2048, **given)


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    kept = Keeping(chosen(tmp_path_factory.mktemp("data")))
    kept.start()
    yield kept
    kept.close()


@pytest.fixture
def models(keeping):
    until(lambda: SharedModels(keeping.settings, keeping.path).engine().state().status == "ready")
    return SharedModels(keeping.settings, keeping.path)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    household = makers.household(chosen(tmp_path_factory.mktemp("own")))
    yield household
    household.close()


def refused(ask):
    """What speaks against it, as a page or a program is told."""
    with pytest.raises(Problem) as caught:
        made = ask()
        list(made or ())
    problem = caught.value
    return type(problem), problem.sentence, problem.values, problem.status, problem.retry_after, problem.parameter, problem.code


def test_a_state_crosses_whole(models, own):
    shared = models.engine("echo").state()
    assert shared == own.fleet.engine("echo").state()
    assert models.model_states() == own.model_states() and models.usable() == own.usable()
    assert models.coming() is None and models.coming_speech() is None and models.upstream_names() == []
    assert models.transcriber_state() == own.transcriber_state()


def test_an_answer_comes_as_the_engine_writes_it(models, own):
    prompt, options = messages("Zwölf Boxkämpfer ☕ jagen"), Options(temperature=0, seed=1)
    shared = [part for part in models.engine().answer(prompt, options, owner="me") if part != Delta("")]
    alone = [part for part in own.fleet.engine().answer(prompt, options, owner="me") if part != Delta("")]
    assert "".join(part.text for part in shared[:-1]) == "".join(part.text for part in alone[:-1])
    assert isinstance(shared[-1], Finished) and shared[-1].reason == alone[-1].reason
    assert shared[-1].usage.prompt_tokens == alone[-1].usage.prompt_tokens
    assert models.engine().count(["one two", ""]) == own.fleet.engine().count(["one two", ""])


def test_figures_cross_whole(models, own):
    def counted(figures):
        told = figures["echo"]
        return told["written"], sum(told["first"]["counts"])

    for figures, engine in ((models.figures, models.engine("echo")), (own.figures, own.fleet.engine("echo"))):
        before = counted(figures())
        list(engine.answer(messages("one two three"), Options()))
        assert [after - earlier for after, earlier in zip(counted(figures()), before, strict=True)] == [3, 1]


@pytest.mark.parametrize("ask", [
    lambda models: models.engine("nobody", known=True) and None,
    lambda models: models.use("nobody"),
    lambda models: models.cancel("nobody"),
    lambda models: models.listen(b"x", Wishes()),
    lambda models: models.engine().answer(messages("word " * 5000), Options()),
    lambda models: models.engine().embedding(["x"]),
    lambda models: models.engine().complete([1, 2], Options()),
])
def test_problems_cross_whole(models, own, ask):
    class Alone:
        """The household with the engines of its fleet."""

        def __getattr__(self, name):
            return getattr(own.fleet if name == "engine" else own, name)

    assert refused(lambda: ask(models)) == refused(lambda: ask(Alone()))


def test_leaving_frees_the_model(models):
    engine = models.engine()
    answer = engine.answer(messages("word " * 400), Options())
    until(lambda: next(answer).text)
    assert engine.busy() == 1
    answer.close()
    until(lambda: engine.busy() == 0)


def test_the_command_line_asks_the_keeper(models, keeping):
    told = next(control.ask(control.place(keeping.settings.data), {"list": True}))
    assert [model["name"] for model in told["models"]] == [state.name for state in models.model_states()]


def test_a_lost_keeper_is_said_and_comes_back(models, keeping):
    engine = models.engine()
    state = engine.state()
    answer = engine.answer(messages("word " * 400), Options())
    until(lambda: next(answer).text)
    os.kill(keeping.process.pid, signal.SIGKILL)
    keeping.process.wait()
    with pytest.raises(Unavailable) as lost:
        list(answer)
    assert lost.value.retry_after and str(lost.value) == LOST
    time.sleep(0.11)
    assert (engine.state().status, engine.state().sentence) == ("loading", LOST)
    assert engine.state().context == state.context
    assert models.model_states() == [] and models.transcriber_state()["sentence"] == LOST
    for ask in (lambda: engine.count(["x"]), engine.wake, lambda: models.use("echo"), lambda: list(models.listen(b"", Wishes()))):
        with pytest.raises(Unavailable):
            ask()
    keeping.look()
    until(lambda: engine.state().status == "ready")
    assert any(isinstance(part, Finished) for part in engine.answer(messages("And now?"), Options()))
    keeping.look()  # it is there: nothing happens
    assert keeping.process.poll() is None


def test_settings_that_cannot_be_are_said_before_anything_is_served(tmp_path):
    kept = Keeping(load({}, engine="echo", data=tmp_path, models=tmp_path / "none", speech_model="nothing-like-it"))
    with pytest.raises(SettingsError, match="nothing-like-it"):
        kept.start()
    assert kept.process is None


def test_the_keeper_ends_with_whoever_started_it(tmp_path):
    kept = Keeping(chosen(tmp_path))
    kept.start()
    process = kept.process
    process.stdin.close()  # as when it is killed
    assert process.wait(20) == 0
    kept.close()


# what crosses


def test_settings_cross_whole(tmp_path):
    settings = chosen(tmp_path, hosts=("a", "b"), leonid_secret="s" * 40, temperature=0.5)
    assert values.unpack(Settings, json.loads(json.dumps(values.pack(settings)))) == settings


def test_options_cross_whole():
    tools = (Tool(name="f", parameters={"type": "object", "n": [1, None, {"x": 2.5}]}),)
    options = Options(temperature=1, seed=-5, stop=("a", "b"), logit_bias={3: 1.5, 70000: -2}, logprobs=2, schema={}, tools=tools,
                      tool_choice="required", tool="f")
    assert values.unpack(Options, json.loads(json.dumps(values.pack(options)))) == options


@pytest.mark.parametrize("problem", [
    BadInput("The {x} is {y}.", x="a", y=3, parameter="p", code="c"), TooMany("Wait.", retry_after=5),
    TooLong("{{x}} {n}", n=1.5), NotFound("No {name}.", name="'{x}'"),
], ids=lambda problem: type(problem).__name__)
def test_a_problem_crosses_whole(problem):
    problem.status = 499
    found = frames.unpack_problem(json.loads(json.dumps(frames.pack_problem(problem))))
    for name in ("sentence", "values", "status", "retry_after", "parameter", "code"):
        assert getattr(found, name) == getattr(problem, name)
    assert (type(found), str(found)) == (type(problem), str(problem))


@pytest.mark.parametrize("vectors", [[[0.1, 1e-300], [3.0]], [array("f", [0.1, -2.5])], []])
def test_vectors_cross_without_rounding(vectors):
    made = packing.read_vectors(iter(json.loads(json.dumps([{}, *packing.vector_frames(Embeddings(vectors, 7))]))))
    assert next(made) is None
    found = next(made)
    assert [list(vector) for vector in found.vectors] == [list(vector) for vector in vectors] and found.tokens == 7
    with contextlib.suppress(StopIteration):
        raise AssertionError(next(made))


# the line


def test_the_keeper_has_one_line_for_all(models, keeping):
    """Two web processes: the places are the keeper's."""
    other = SharedModels(keeping.settings, keeping.path)
    settings, asked = keeping.settings, []

    def ask(shared, owner="alice"):
        asked.append(shared.engine().answer(messages("word " * 300), Options(), owner=owner))
        return next(part for part in asked[-1] if part != Delta(""))

    try:
        for _ in range(settings.parallel):
            assert isinstance(ask(models), Delta)
        assert [ask(shared).position for shared in (models, other, models)] == [1, 2, 3]
        bob = ask(other, "bob")
        assert bob.position == 1
        time.sleep(0.11)
        state = models.engine().state()
        assert (state.working, state.waiting) == (settings.parallel, 4)
        for _ in range(settings.queue_owner - 3):
            other.engine().room("alice")
        with pytest.raises(TooMany) as full:
            models.engine().room("alice")
        assert full.value.code == "queue_full" and full.value.retry_after >= 1
        models.engine().room("bob")
        asked[0].close()
        assert until_begun(asked[settings.parallel + 3]), "bob goes before what alice has waiting"
    finally:
        for answer in asked:
            answer.close()
    until(lambda: models.engine().busy() == 0)


def until_begun(answer):
    """Whether a waiting answer begins."""
    return any(isinstance(part, Delta) and part.text for part in answer)
