"""Last-Event-ID: a tab that was cut anywhere, and comes back anywhere, has in the end what a tab has that was never cut."""

import dataclasses
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.stream_page import PageOfTests, Script, read
from webbot.factory import create_app
from webbot.messages import Cancelled, Failed
from webbot.services import Services
from webbot.settings import load
from webbot.web.place import Place, read_place
from webbot.web.writing import grown, sentences_of

TEXT = "# Bears\n\nOne is *brown*. Another is [white][w].\n\n- a\n- b\n\n```\nx = 1\n```\n\n[w]: http://a.b\n\nThat is all. Ask"


@pytest.fixture(scope="module")
def app(tmp_path_factory, compiled_templates, described_models):
    folder = tmp_path_factory.mktemp("places")
    given = {"engine": "echo", "speech": False, "owner": "home", "data": folder / "data", "certs": folder / "certs"}
    services = Services.open(load({}, **given))
    app = create_app(services)
    app.extensions["services"] = services
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    services.close()


@pytest.fixture
def key(services):
    """A conversation with one turn."""
    key = services.chat.create("home", "").id
    run(Script(services, "home", key).steps(Script(services, "home", key).begin("Hello."), "Hello."))
    return key


@pytest.fixture
def script(services, key):
    return Script(services, "home", key)


class Stream:
    """One connection of a tab, read in a thread of its own; it listens when this returns."""

    def __init__(self, ann, key, last="", by_header=False):
        self.lines, self.listens = [], threading.Event()
        asked = {"headers": {"Last-Event-ID": last}} if by_header else {"query_string": {"last": last}}
        self.thread = threading.Thread(target=self._read, args=(ann, f"/c/{key}/events", asked))
        self.thread.start()
        assert self.listens.wait(10)

    def _read(self, ann, path, asked):
        for line in ann.get(path, **asked).response:
            self.lines.append(line)
            if len(self.lines) > 1:
                self.listens.set()

    def all(self):
        """Its events, once the conversation is gone."""
        self.thread.join(20)
        return list(read(self.lines))


def place_of(ann, key):
    page = ann.get(f"/c/{key}").text
    return page.split('data-place="')[1].split('"')[0]


def run(steps):
    for step in steps:
        step()


def test_cut_at_every_event_while_the_answer_grows(ann, key, script):
    """One turn, gone on with after a stop; the cut tab comes back while it is still being written."""
    answer = script.begin("Which bears are there?")
    steps = list(script.steps(answer, TEXT, Cancelled()))
    half = len(steps) // 2
    start = place_of(ann, key)
    run(steps[:half])
    early, whole = Stream(ann, key), PageOfTests()
    run(steps[half:])
    again = script.go_on(answer.id)
    run(script.steps(again, " me more. I know.", Failed("The model stopped.")))
    script.delete()
    events = early.all()
    whole.take(events)
    assert [name for name, _ in whole.told] == ["turn", "cancelled", "turn", "failed", "gone"]
    assert len(events) > 12 and start
    for most in range(1, len(events)):
        cut = PageOfTests().take(events, most)
        if not cut.place:
            continue
        back = Stream(ann, key, cut.place, by_header=most % 2 == 0)
        script.delete()
        cut.take(back.all())
        shown, said, _ = cut.seen()
        assert shown == whole.turns, f"cut after {most}"
        assert said == whole.said, f"cut after {most}"


def test_every_sentence_is_told_once(ann, key, script):
    """Cut at each event of a running answer, and back at each later moment of it."""
    whole = Stream(ann, key, place_of(ann, key))
    answer = script.begin("Which bears are there?")
    steps = list(script.steps(answer, TEXT))
    run(steps[:8])
    early = Stream(ann, key, f"{answer.id}.0.0")
    run(steps[8:-4])
    late = Stream(ann, key, f"{answer.id}.0.0")
    run(steps[-4:])
    script.delete()
    expected = PageOfTests().take(whole.all())
    spoken = [text for _, _, text in expected.spoken]
    assert spoken == sentences_of(TEXT) and len(spoken) >= 4
    for stream in (early, late):
        events = stream.all()
        assert PageOfTests().take([(None, "turn", turn(expected)), *events]).seen() == expected.seen()
        for most in range(1, len(events), 1 if stream is early else 3):
            cut = PageOfTests().take([(None, "turn", turn(expected)), *events[:most]])
            if not cut.place:
                continue
            back = Stream(ann, key, cut.place)
            script.delete()
            assert cut.take(back.all()).seen() == expected.seen(), f"cut after {most} at {cut.place}"


def turn(page):
    """The turn as a page has it that was loaded in mid-answer."""
    answer, html = page.turns[-1]
    return {"answer": answer, "html": html, "after": 2}


def test_back_in_mid_answer_goes_on_from_the_block_it_has(ann, key, script):
    answer = script.begin("Count")
    steps = list(script.steps(answer, "one\n\ntwo\n\nthree\n\nfour and five\n\nsix"))
    run(steps[:6])
    first = Stream(ann, key, f"{answer.id}.0.0")
    run(steps[6:9])
    place = Place(answer.id, 2, 2)
    back = Stream(ann, key, str(place))
    run(steps[9:])
    script.delete()
    blocks = [data for _, name, data in back.all() if name == "blocks"]
    assert blocks[0]["from"] == 2 and "one" not in "".join(blocks[0]["html"])
    whole = PageOfTests()
    whole.said[answer.id] = []
    whole.take(first.all())
    assert "six" in whole.said[answer.id]


def test_turns_of_another_tab_that_were_missed(ann, key, script):
    start = place_of(ann, key)
    asked = []
    for text in ("First. Yes.", "Second", "Third. No."):
        answer = script.begin(text)
        run(script.steps(answer, text))
        asked.append(answer.id)
    running = script.begin("Fourth")
    steps = list(script.steps(running, "Fourth it is. So."))
    run(steps[:4])
    back = Stream(ann, key, start)
    run(steps[4:])
    script.delete()
    page = PageOfTests().take(back.all())
    assert page.told == [
        *((name, answer) for answer in asked for name in ("turn", "finished")), ("turn", running.id), ("finished", running.id),
        ("gone", None),
    ]
    assert [text for _, _, text in page.spoken] == ["First.", "Yes.", "Second", "Third.", "No.", "Fourth it is.", "So."]
    nothing = Stream(ann, key, page.place)
    script.delete()
    assert [name for _, name, _ in nothing.all()] == ["models", "gone"], "it has everything"


@pytest.mark.parametrize("change", ["branch", "far", "unknown", "question"])
def test_what_a_place_cannot_say_is_one_event(ann, key, script, change):
    old = script.store.messages(script.owner, key)
    start = place_of(ann, key)
    if change == "branch":
        run(script.steps(script.begin("Another beginning", after=""), "yes"))
    elif change == "far":
        for number in range(25):
            script.end(script.begin(str(number)), "x", Cancelled())
    elif change == "unknown":
        start = "AAAAAAAAAAAAAAAAAAAAAA.5"
    else:
        start = f"{old[0].id}.5"
    back = Stream(ann, key, start)
    script.delete()
    assert [name for _, name, _ in back.all()] == ["models", "resync", "gone"]


@pytest.mark.parametrize(
    "garbage", ["", "x", "1", "00", "a b.1.2", "..", "\n\ndata: x", "AA.1.2.3", "AA.-1.0", "AA.9999999999.1", "é.1.2"]
)
def test_garbage_is_no_place(garbage):
    assert read_place(garbage) is None


@given(st.text("aB0_-", min_size=2, max_size=40), st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1))
def test_a_place_is_what_its_id_says(answer, one, other):
    for place in (Place(answer, one, other), Place(answer, ended=one), Place()):
        assert read_place(str(place)) == place


@pytest.mark.parametrize("garbage", ["\n\ndata: x", "AA.1.2.3"])
def test_garbage_means_from_the_beginning(ann, key, script, garbage):
    answer = script.begin("Count")
    steps = list(script.steps(answer, "one two"))
    run(steps[:3])
    back = Stream(ann, key, garbage)
    run(steps[3:])
    script.delete()
    events = back.all()
    assert [name for _, name, _ in events if name in ("turn", "finished")] == ["turn", "finished"]
    assert all(read_place(place) for place, _, _ in events if place)


def test_numbers_that_are_too_large_do_no_harm(ann, key, script):
    answer = script.begin("Count")
    steps = list(script.steps(answer, "one two. Three"))
    run(steps[:4])
    back = Stream(ann, key, f"{answer.id}.9999.9999")
    run(steps[4:])
    script.delete()
    assert [name for _, name, _ in back.all() if name in ("turn", "finished")] == ["finished"]


def test_an_answer_whose_end_came_after_the_next_beginning(ann, key, script):
    """The next turn may be told before the end of this one: both tabs see both ends."""
    stream = Stream(ann, key, place_of(ann, key))
    first = script.begin("One")
    run(list(script.steps(first, "one"))[:3])
    script.store.save_answer(script.owner, key, dataclasses.replace(first, text="one", status="complete"))
    second = script.begin("Two")
    script.hear(first, Cancelled())
    run(script.steps(second, "two"))
    script.delete()
    page = PageOfTests().take(stream.all())
    assert page.told[:-1] == [(name, answer.id) for answer in (first, second) for name in ("turn", "finished")]


def test_the_place_of_a_page(ann, key, script, visitor):
    assert read_place(place_of(ann, key)).ended == len("Hello.")
    answer = script.begin("Count")
    run(list(script.steps(answer, "One is one. Two is"))[:-1])
    running = script.chat.running(script.owner, key)
    assert place_of(ann, key) == f"{answer.id}.0.1" == str(grown(running.began, running.text))


def test_the_list_is_told_of_once(ann, key, script):
    stream = Stream(ann, key, place_of(ann, key))
    other = script.chat.create(script.owner, "")
    for title in "abcdef":
        script.chat.change(script.owner, other.id, title=title)
    time.sleep(1.1)
    script.change()
    script.chat.delete(script.owner, key)
    names = [name for _, name, _ in stream.all()]
    assert 1 <= names.count("list") <= 2
    assert "gone" in names
