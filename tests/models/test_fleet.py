"""Which model is asked by which name, which one serves, and who leaves the memory for whom. The models are echoes in place of
processes: real ones are exchanged in tests/live/test_exchange.py."""

import dataclasses
import threading
import time

import pytest

from tests.engines.conftest import messages
from webbot import settings as table
from webbot.chat.waiting import ready
from webbot.engines.base import EngineState
from webbot.engines.echo import EchoEngine
from webbot.errors import Conflict, NotFound, Problem, Unavailable
from webbot.messages import Delta, Options
from webbot.models import choice, listing, plan
from webbot.models.catalog import STARTER
from webbot.models.fleet import Fleet
from webbot.models.upstream import Upstream

GIGABYTE = 1e9


class Model(EchoEngine):
    """An echo that has a name, may fail to load, and is closed once."""

    def __init__(self, name, ready=None, pause=0.0):
        super().__init__(pause=pause)
        self.name, self.ready, self.closed, self.broken = name, ready, False, ""

    def state(self):
        if self.broken:
            return EngineState(name=self.name, status="failed", sentence=self.broken)
        loading = self.ready is not None and not self.ready.is_set()
        return dataclasses.replace(super().state(), name=self.name, status="loading" if loading else "ready")

    def close(self):
        self.closed = True


class World:
    """Model folders `alpha` and `beta` beside the starter, and what was made of them."""

    def __init__(self, path, **given):
        self.made, self.ready, self.broken = [], {}, {}
        models = path / "models"
        for name in ("alpha", "beta"):
            (models / name).mkdir(parents=True, exist_ok=True)
            for file in STARTER.iterdir():
                if not (models / name / file.name).exists():
                    (models / name / file.name).symlink_to(file)
        self.settings = table.load({}, models=models, data=path / "data", offline=True, **given)
        self.need = plan.need(next(found for found in plan_here(self.settings) if found.name == "alpha"), self.settings)

    def make(self, found):
        model = Model(found.name, self.ready.get(found.name))
        model.broken = self.broken.get(found.name, "")
        self.made.append(model)
        return model

    def fleet(self, *upstreams, **given):
        settings = dataclasses.replace(self.settings, **given)
        return Fleet(settings, self.make, upstreams)


def plan_here(settings):
    from webbot.models import catalog

    return catalog.here(settings)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def text(engine, question="hello"):
    return "".join(event.text for event in engine.answer(messages(question), Options()) if isinstance(event, Delta))


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def used(fleet, name):
    fleet.use(name)
    until(lambda: fleet.coming is None or fleet.coming.failed)
    return fleet


class TestNames:
    def test_the_starter_serves_where_nothing_is_set(self, world):
        fleet = world.fleet()
        assert fleet.serving == "starter"
        assert fleet.engine() is fleet.engine("starter") is fleet.engine("llama")
        assert not world.made, "nothing is loaded before somebody asks"
        fleet.wake()
        assert [model.name for model in world.made] == ["starter"]

    def test_the_setting_names_the_one_that_serves_and_others_answer_beside_it(self, world):
        fleet = world.fleet(model="alpha")
        assert fleet.serving == "alpha"
        assert text(fleet.engine("beta")) == text(fleet.engine()) == "hello"
        assert sorted(model.name for model in world.made) == ["alpha", "beta"]

    @pytest.mark.parametrize("name", ["gamma", "../alpha", "/etc/passwd", "a" * 5000, "whisper-base", "llama-3.2-3b", "remote"])
    def test_what_is_not_here_is_not_found(self, world, name):
        with pytest.raises(NotFound):
            world.fleet().engine(name)

    def test_a_fixed_engine_is_the_only_one(self, world):
        fleet = Fleet(world.settings, world.make, fixed={"echo": Model("echo")})
        assert fleet.engine().name == fleet.engine("llama").name == "echo"
        with pytest.raises(NotFound):
            fleet.engine("alpha")
        assert [state.kind for state in listing.states(fleet)] == ["echo"]


class TestServers:
    def upstream(self, *names, **given):
        return Upstream(lambda name: Model(f"far {name}"), known=names, **given)

    def test_a_server_answers_where_no_model_is_set(self, world):
        fleet = world.fleet(self.upstream("big", "small"), remote_url="http://far/v1")
        assert [fleet.engine(name).name for name in ("", "small", "remote")] == ["far big", "far small", "far big"]
        assert fleet.engine("llama").name == "far big", "no model of this machine was ever set"
        assert [(state.name, state.serves) for state in listing.states(fleet) if state.kind == "remote"] == [
            ("big", True), ("small", False)]

    def test_a_model_of_this_machine_comes_first(self, world):
        fleet = world.fleet(self.upstream("alpha"), remote_url="http://far/v1", model="alpha")
        assert fleet.engine().state().name == "alpha"
        assert fleet.engine("remote/alpha").name == "far alpha"
        assert "remote/alpha" in [state.name for state in listing.usable(fleet)]

    def test_any_other_name_goes_to_the_server_that_takes_any(self, world):
        fleet = world.fleet(self.upstream(anything=True), model="alpha")
        assert fleet.engine("gpt-9").name == "far gpt-9"
        assert fleet.engine("llama").state().name == "alpha"
        assert all(state.name != "gpt-9" for state in listing.states(fleet))

    def test_the_list_is_asked_for_beside_the_answers(self, world):
        asked, go_on = [], threading.Event()

        def names():
            asked.append(1)
            go_on.wait(5)
            return ["big"]

        fleet = world.fleet(Upstream(Model, names=names), remote_url="http://far/v1")
        began = time.monotonic()
        assert fleet.engine().name == "", "the server's own choice until its list is known"
        assert time.monotonic() - began < 4 and len(asked) == 1  # the list would take five seconds
        go_on.set()
        until(lambda: fleet.engine().name == "big")
        assert len(asked) == 1

    def test_a_list_that_cannot_be_had_is_asked_for_again_later(self, world):
        def names():
            raise Unavailable("Nobody is there.")

        fleet = world.fleet(Upstream(Model, names=names), remote_url="http://far/v1")
        fleet.engine()
        assert [state.title for state in listing.states(fleet) if state.serves] == ["remote"]


class TestUse:
    def test_the_one_that_serves_goes_on_until_the_other_is_ready(self, world):
        world.ready["beta"] = threading.Event()
        fleet = world.fleet(model="alpha")
        answer = fleet.engine().answer(messages("one two three"), Options())
        next(answer)
        fleet.use("beta")
        until(lambda: len(world.made) == 2)
        assert fleet.serving == "alpha" and text(fleet.engine()) == "hello"
        with pytest.raises(Conflict):
            fleet.use("starter")
        world.ready["beta"].set()
        until(lambda: fleet.serving == "beta")
        time.sleep(0.3)
        assert not world.made[0].closed, "it still answers"
        assert "".join(event.text for event in answer if isinstance(event, Delta)).strip().endswith("three")
        until(lambda: world.made[0].closed)

    def test_the_choice_is_kept_until_the_settings_change(self, world):
        used(world.fleet(model="alpha"), "beta").close()
        assert world.fleet(model="alpha").serving == "beta"
        assert world.fleet(model="starter").serving == "starter"

    def test_a_choice_that_is_gone_does_not_keep_the_server_from_starting(self, world):
        choice.keep("gamma", world.settings)
        assert world.fleet().serving == "starter"

    def test_a_model_that_fails_changes_nothing(self, world):
        world.broken["beta"] = "The file is damaged."
        fleet = used(world.fleet(model="alpha"), "beta")
        assert fleet.serving == "alpha" and fleet.coming.sentence == "The file is damaged."
        assert world.made[-1].closed and text(fleet.engine()) == "hello"
        world.broken.clear()
        assert used(fleet, "beta").serving == "beta", "it is tried anew"

    def test_to_a_server_and_back(self, world):
        fleet = world.fleet(Upstream(Model, known=["big"]), model="alpha", remote_url="http://far/v1")
        assert used(fleet, "big").engine().name == "big"
        assert used(fleet, "alpha").engine().state().name == "alpha"

    @pytest.mark.parametrize("name", ["gamma", "", "llama-3.2-1b"])
    def test_what_cannot_be_had_is_refused_at_once(self, world, name):
        fleet = world.fleet(model="alpha")
        with pytest.raises(Problem):
            fleet.use(name)
        assert fleet.coming is None


class TestFetch:
    def test_a_model_that_can_never_fit_does_not_keep_the_server_from_starting(self, world):
        fleet = world.fleet(model="llama-3.2-3b", offline=False, model_memory=0.7)
        assert fleet.serving == "starter"
        fleet.fetch()
        assert fleet.coming.failed and "needs" in fleet.coming.sentence and "0.7 GB" in fleet.coming.sentence
        assert text(fleet.engine()) == "hello"

    @pytest.mark.parametrize("model", ["", "alpha", "starter"])
    def test_nothing_is_brought_that_is_here_or_was_not_asked_for(self, world, model):
        fleet = world.fleet(model=model, offline=False)
        fleet.fetch()
        assert fleet.coming is None


class TestMemory:
    def room_for(self, world, count):
        return {"model_memory": (count * world.need + 1) / GIGABYTE}

    def test_an_idle_model_leaves_for_another(self, world):
        fleet = world.fleet(model="alpha", **self.room_for(world, 1))
        for name in ("alpha", "beta", "alpha"):
            ready(fleet.engine(name))
            assert text(fleet.engine(name)) == "hello"
        assert [(model.name, model.closed) for model in world.made] == [("alpha", True), ("beta", True), ("alpha", False)]

    def test_both_stay_where_there_is_room(self, world):
        fleet = world.fleet(model="alpha", **self.room_for(world, 2))
        for name in ("alpha", "beta", "alpha"):
            text(fleet.engine(name))
        assert [model.name for model in world.made] == ["alpha", "beta"]

    def test_the_longest_unused_leaves(self, world):
        fleet = world.fleet(model="alpha", **self.room_for(world, 2))
        for name in ("alpha", "beta", "alpha", "starter"):
            ready(fleet.engine(name))
            text(fleet.engine(name))
        assert {model.name for model in world.made if model.closed} == {"beta"}

    def test_those_who_ask_at_once_are_served_one_after_the_other(self, world):
        """And never more of them are in the memory than it holds."""
        fleet = world.fleet(model="alpha", **self.room_for(world, 1))
        most, told = [], []

        def ask(name):
            ready(fleet.engine(name))
            told.append(text(fleet.engine(name)))
            most.append(sum(not model.closed for model in world.made))

        threads = [threading.Thread(target=ask, args=(name,)) for name in ("alpha", "beta", "starter")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert told == ["hello"] * 3 and max(most) == 1

    def test_one_that_loads_is_not_sent_away(self, world):
        world.ready["alpha"] = threading.Event()
        fleet = world.fleet(model="alpha", **self.room_for(world, 1))
        fleet.wake()
        time.sleep(1.1)
        with pytest.raises(Unavailable):
            fleet.engine("beta").wake()
        assert not world.made[0].closed

    def test_one_that_answers_is_not_sent_away(self, world):
        fleet = world.fleet(model="alpha", **self.room_for(world, 1))
        answer = fleet.engine().answer(messages("one two"), Options())
        next(answer)
        with pytest.raises(Unavailable, match="while alpha is answering") as refused:
            fleet.engine("beta").wake()
        assert refused.value.retry_after
        fleet.use("beta")
        until(lambda: "finds no room" in fleet.coming.sentence)
        assert fleet.serving == "alpha"
        assert len(list(answer)) > 1
        until(lambda: fleet.serving == "beta")

    def test_one_that_can_never_fit_is_refused_with_figures(self, world):
        fleet = world.fleet(model="alpha", model_memory=0.1)
        for call in (fleet.engine().wake, lambda: fleet.use("beta")):
            with pytest.raises(Problem, match=r"needs \d+\.\d GB") as refused:
                call()
            assert refused.value.status == 507
        told = next(state for state in listing.states(fleet) if state.name == "beta")
        assert not told.possible and "GB" in told.reason
        assert "beta" not in [state.name for state in listing.usable(fleet)]

    def test_who_is_not_asked_leaves_the_memory(self, world):
        fleet = world.fleet(model="alpha", unload_after=1)
        assert text(fleet.engine()) == "hello"
        until(lambda: world.made[0].closed)
        assert fleet.engine().state().status == "sleeping"
        assert text(fleet.engine()) == "hello"

    def test_unloading_by_hand(self, world):
        fleet = world.fleet(model="alpha")
        answer = fleet.engine().answer(messages("one two"), Options())
        next(answer)
        with pytest.raises(Conflict):
            fleet.unload("alpha")
        answer.close()
        fleet.unload("alpha")
        fleet.unload("beta")
        assert world.made[0].closed


def test_nothing_is_left_after_close(world):
    fleet = world.fleet(model="alpha")
    text(fleet.engine())
    text(fleet.engine("beta"))
    fleet.close()
    assert all(model.closed for model in world.made)
    with pytest.raises(Unavailable):
        fleet.engine().wake()


def test_what_is_on_its_way_to_serve_is_not_removed(world):
    world.ready["beta"] = threading.Event()
    fleet = world.fleet(model="alpha")
    fleet.use("beta")
    with pytest.raises(Conflict):
        fleet.remove("beta")
    world.ready["beta"].set()
    until(lambda: fleet.serving == "beta")


def test_what_serves_is_not_removed_and_strangers_files_are_not(world):
    fleet = world.fleet(model="alpha")
    for name in ("alpha", "beta", "starter"):
        with pytest.raises(Conflict):
            fleet.remove(name)
    assert (world.settings.models / "beta").is_dir()
