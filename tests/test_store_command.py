"""`webbot store ...` as a person types it, between real stores: what arrives is what was sent, and what fails changes nothing."""

from __future__ import annotations

import contextlib
import itertools
import re
import sqlite3
import stat
import time

import pytest

from tests.store.places import URLS
from webbot import cli, doctor, folder, makers, store_command
from webbot.errors import Problem
from webbot.messages import File, Message, Usage
from webbot.settings import load
from webbot.store import address, sums
from webbot.store.base import Entry, Store
from webbot.store.sql import SqlStore
from webbot.surroundings import process_environment

PAIRS = [*itertools.pairwise([*URLS, "sqlite"]), ("sqlite", "sqlite")]


def fill(store: Store) -> None:
    """A little of everything."""
    talk = store.create_conversation("ann", title="Trees 树", role="You are a gardener.")
    question, answer = store.begin_turn("ann", talk.id, Message(role="user", text="What is an oak? 🌳", spoken={"seconds": 2.5}))
    usage = Usage(prompt_tokens=7, answer_tokens=3, first_token_seconds=0.125, seconds=1.5)
    whole = Message(role="assistant", id=answer.id, text="A tree.\n", status="complete", usage=usage, tokens=3, counted_by="echo")
    store.save_answer("ann", talk.id, whole)
    _, other = store.begin_answer("ann", talk.id, question.id)
    store.save_answer("ann", talk.id, Message(role="assistant", id=other.id, text="It fai", status="failed", error="It stopped."))
    store.keep_request("ann", talk.id, answer.id, {"temperature": 1.0, "stop": ["\n", None], "nested": {"é": [True]}})
    store.change_conversation("ann", talk.id, pinned=True, titled_by="person", remembers_from=question.number, cut_for="echo")
    store.change_message("ann", talk.id, answer.id, pinned=True, feedback="up")
    store.add_file("ann", talk.id, File(name="a.bin", media_type="image/png", size=256), "", bytes(range(256)))
    note = File(name="b.md", media_type="text/markdown", size=3, tokens=1, counted_by="echo")
    store.add_file("ann", talk.id, note, "# b", b"# b")
    store.share("ann", talk.id)
    gone = store.create_conversation("bob", title="deleted")
    store.begin_turn("bob", gone.id, Message(role="user", text="Who reads this?"))
    store.delete_conversation("bob", gone.id)
    store.create_conversation("bob", title="empty")
    store.write_session("k" * 64, b'{"owner": "ann"}\xff', 3600)
    store.write_session("short", b"ends soon", 0.3)
    store.put_entry(Entry(kind="person", id="p-1", value={"name": "Ann 树"}))
    store.put_entry(Entry(kind="device", id="d", owner="p-1", ends_at=time.time() + 3600))
    store.put_entry(Entry(kind="device", id="short", owner="p-1", ends_at=time.time() + 0.3))
    store.add_up("tokens", 7, time.time() + 3600)


def sums_of(url: str):
    store = makers.open_store(address.read(url))
    with contextlib.closing(store):
        return sums.of(store.records())


@pytest.fixture
def place(tmp_path):
    """The URL of an empty store of that kind; another one for each call."""
    numbers = itertools.count()
    return lambda kind="sqlite": URLS[kind](tmp_path / f"{kind}{next(numbers)}")


@pytest.fixture
def filled(place):
    def make(kind="sqlite"):
        url = place(kind)
        with contextlib.closing(makers.open_store(address.read(url))) as store:
            fill(store)
        return url

    return make


@pytest.fixture
def store(capsys, tmp_path, monkeypatch):
    """Runs the command in this process: exit status, output, errors."""
    for name in list(process_environment()):
        if name.startswith("WEBBOT_"):
            monkeypatch.delenv(name)

    def run(*arguments):
        try:
            status = cli.main(["store", *map(str, arguments), "--data", str(tmp_path / "data")])
        except SystemExit as left:
            status = left.code
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return status, told.out, told.err

    return run


# copy


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=[f"{one}-{other}" for one, other in PAIRS])
def test_a_copy_has_everything(store, filled, place, source, target):
    from_url, to_url = filled(source), place(target)
    before = sums_of(from_url)
    status, out, err = store("copy", from_url, to_url)
    assert status == 0, err
    assert re.search(r"^conversations +3 +[0-9a-f]{16}$", out, re.MULTILINE)
    assert re.search(r"^files +2 +[0-9a-f]{16}$", out, re.MULTILINE)
    assert sums.differences(before, sums_of(to_url)) == sums.differences(before, sums_of(from_url)) == []
    with contextlib.closing(makers.open_store(address.read(to_url))) as copied:
        (talk,) = copied.conversations("ann")
        assert [message.text for message in copied.messages("ann", talk.id)] == ["What is an oak? 🌳", "It fai"]
        assert [len(copied.file_data("ann", talk.id, file.id)) for file in copied.files("ann", talk.id)] == [256, 3]
        assert copied.read_session("k" * 64) == b'{"owner": "ann"}\xff'
        assert copied.begin_turn("ann", talk.id, Message(role="user", text="And on it goes"))[0].number == 4
        assert copied.verify() == []


@pytest.mark.parametrize("kind", URLS)
def test_a_full_store_is_not_copied_into(store, filled, kind):
    from_url, to_url = filled(), filled(kind)
    before = sums_of(to_url)
    status, _, err = store("copy", from_url, to_url)
    assert status == 1 and "not empty" in err
    assert sums.differences(before, sums_of(to_url)) == []


class Broken(SqlStore):
    """Its records end with a fault of the disk, or it keeps something else than it was given."""

    def records(self):
        for number, record in enumerate(super().records()):
            if number == 4:
                raise Problem("The disk cannot be read.")
            yield record


class Changing(SqlStore):
    def records(self):
        for record in super().records():
            fields = dict(record.fields) | ({"text": "Another text"} if record.kind == "message" else {})
            yield type(record)(record.kind, record.id, fields)


@pytest.mark.parametrize("kind", URLS)
@pytest.mark.parametrize(("broken", "words"), [(Broken, "cannot be read"), (KeyboardInterrupt, "")])
def test_what_fails_in_the_middle_leaves_the_target_empty(store, filled, place, monkeypatch, kind, broken, words):
    from_url, to_url = filled(), place(kind)

    def interrupted(self, records):
        for record in records:
            yield record
            raise KeyboardInterrupt

    if broken is KeyboardInterrupt:
        monkeypatch.setattr(sums.Sums, "passing", interrupted)
    else:
        made = makers.open_store
        monkeypatch.setattr(makers, "open_store", lambda at: Broken(at.url) if at.url == from_url else made(at))
    status, _, err = store("copy", from_url, to_url)
    assert status in (1, 130) and words in err
    monkeypatch.undo()
    assert sums_of(to_url).total == 0


def test_what_arrived_changed_is_taken_away_again(store, filled, place, monkeypatch):
    from_url, to_url = filled(), place()
    made = makers.open_store
    monkeypatch.setattr(makers, "open_store", lambda at: Changing(at.url) if at.url == to_url else made(at))
    status, _, err = store("copy", from_url, to_url)
    assert status == 1 and "emptied again" in err and "messages" in err
    monkeypatch.undo()
    assert sums_of(to_url).total == 0


# which store


@pytest.mark.parametrize(("arguments", "status", "words"), [
    (("copy", "sqlite:////{tmp}/a.db", "sqlite:////{tmp}/a.db"), 2, "two stores"),
    (("copy", "sqlite:////{tmp}/none.db", "sqlite:////{tmp}/b.db"), 1, "There is no store"),
    (("check", "sqlite:////{tmp}/none.db"), 1, "There is no store"),
    (("check",), 1, "There is no store"),
    (("backup", "{tmp}/x.backup"), 1, "There is no store"),
    (("check", "mysql://u:secretword@h/n"), 2, "postgresql://"),
    (("check", "redis://:secretword@127.0.0.1:1/0"), 1, "does not answer"),
    (("check", "@{tmp}/nothing"), 2, "cannot be read"),
    (("restore", "{tmp}/nothing"), 2, "cannot be read"),
    (("restore", "{tmp}/nothing", "--to", "redis://h/0", "--replace"), 2, "Only a SQLite file"),
    (("backup", "{tmp}/x", "--from", "sqlite:///"), 2, "sqlite:///PATH"),
])
def test_what_cannot_be_is_one_sentence(store, tmp_path, arguments, status, words):
    found, out, err = store(*[argument.replace("{tmp}", str(tmp_path)) for argument in arguments])
    assert (found, words in err) == (status, True), (out, err)
    assert "secretword" not in out + err
    assert len(err.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith((".db", ".backup"))] == []


def test_the_address_may_stand_in_a_file_and_the_set_one_is_a_dash(store, filled, tmp_path, monkeypatch):
    url = filled()
    (tmp_path / "address").write_text(url + "\n")
    assert store("check", f"@{tmp_path / 'address'}")[0] == 0
    monkeypatch.setenv("WEBBOT_STORE", url)
    for arguments in (("check",), ("check", "-")):
        status, out, _ = store(*arguments)
        assert status == 0 and f"{url}: all is well." in out


# backup and restore


@pytest.mark.parametrize("kind", URLS)
def test_a_backup_brings_everything_back_into_any_store(store, filled, place, tmp_path, kind):
    from_url, file = filled(kind), tmp_path / "all.backup"
    status, out, err = store("backup", file, "--from", from_url)
    assert status == 0 and str(file) in out, err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for target in URLS:
        to_url = place(target)
        status, out, err = store("restore", file, "--to", to_url)
        assert status == 0 and "The backup is whole" in out, err
        assert sums.differences(sums_of(from_url), sums_of(to_url)) == []
    status, _, err = store("restore", file, "--to", to_url)
    assert status == 1 and "not empty" in err


def test_a_folder_gets_backups_with_the_time_in_their_names(store, filled, tmp_path):
    (tmp_path / "saved").mkdir()
    assert store("backup", tmp_path / "saved", "--from", filled())[0] == 0
    (file,) = (tmp_path / "saved").iterdir()
    assert re.fullmatch(r"webbot-\d{8}-\d{6}\.backup", file.name)
    assert store("backup", f"{tmp_path}/new/folder/", "--from", filled())[0] == 0
    assert len(list((tmp_path / "new/folder").iterdir())) == 1, "a folder that is not there yet is made"


def test_a_damaged_backup_is_refused_before_anything_is_touched(store, filled, place, tmp_path):
    file, url = tmp_path / "all.backup", place()
    store("backup", file, "--from", filled())
    whole = file.read_bytes()
    for content, words in ((whole[:-10], "not whole"), (whole[:300] + b"x" + whole[301:], "damaged"), (b"text", "not a backup")):
        file.write_bytes(content)
        status, _, err = store("restore", file, "--to", url)
        assert status == 1 and words in err
    assert not address.read(url).path.exists()


def test_a_restored_file_takes_the_place_of_the_old_one_which_is_kept(store, filled, tmp_path):
    url, file = filled(), tmp_path / "all.backup"
    store("backup", file, "--from", url)
    before = sums_of(url)
    with contextlib.closing(makers.open_store(address.read(url))) as opened:
        opened.create_conversation("eve", title="written since")
    later = sums_of(url)
    status, out, err = store("restore", file, "--to", url, "--replace")
    assert status == 0, err
    assert sums.differences(before, sums_of(url)) == []
    aside = re.search(r"What was there is now (.+)\.$", out, re.MULTILINE).group(1)
    assert sums.differences(later, sums_of(f"sqlite:///{aside}")) == []
    path = address.read(url).path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(path.parent.glob("*.restoring*"))


def test_a_broken_file_is_replaced_too_and_a_broken_backup_replaces_nothing(store, filled, tmp_path):
    url, file = filled(), tmp_path / "all.backup"
    store("backup", file, "--from", url)
    before, path = sums_of(url), address.read(url).path
    path.write_bytes(b"no database any more" * 500)
    assert store("check", url)[0] == 1
    good = file.read_bytes()
    file.write_bytes(good[:-4])
    assert store("restore", file, "--to", url, "--replace")[0] == 1
    assert path.read_bytes().startswith(b"no database")
    file.write_bytes(good)
    assert store("restore", file, "--to", url, "--replace")[0] == 0
    assert sums.differences(before, sums_of(url)) == []


def test_nothing_is_put_where_a_running_server_is(store, filled, tmp_path, monkeypatch):
    url, file, data = filled(), tmp_path / "all.backup", tmp_path / "data"
    data.mkdir(mode=0o700)
    own = f"sqlite:///{data}/webbot.db"
    with contextlib.closing(folder.hold(data)):
        assert store("backup", file, "--from", url)[0] == 0
        for arguments in (("restore", file), ("restore", file, "--replace"), ("copy", url, "-"), ("copy", url, own)):
            status, _, err = store(*arguments)
            assert status == 2 and "stop it first" in err, arguments
        assert not (data / "webbot.db").exists()
        monkeypatch.setenv("WEBBOT_STORE", url)  # a server that uses another store than the file in its folder
        status, _, err = store("restore", file, "--replace")
        assert status == 2 and "stop it first" in err
        status, out, _ = store("copy", "-", f"sqlite:///{tmp_path}/elsewhere.db")
        assert status == 0 and "is not in the copy" in out
    monkeypatch.delenv("WEBBOT_STORE")
    assert store("restore", file)[0] == 0
    assert sums.differences(sums_of(url), sums_of(own)) == []


def test_saving_and_checking_go_on_while_the_store_is_written(store, tmp_path, place):
    url = place()
    with contextlib.closing(makers.open_store(address.read(url))) as writing:
        talk = writing.create_conversation("ann")
        _, answer = writing.begin_turn("ann", talk.id, Message(role="user", text="Hm?"))
        assert store("backup", tmp_path / "a", "--from", url)[0] == 0
        assert store("check", url)[0] == 0
        writing.save_answer("ann", talk.id, Message(role="assistant", id=answer.id, text="Yes.", status="complete"))
    assert store("restore", tmp_path / "a", "--to", place())[0] == 0


# check


def test_damage_is_told_with_status_1(store, filled):
    url = filled()
    path = address.read(url).path
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("UPDATE conversations SET tip = 'nowhere' WHERE title LIKE 'Trees%'")
    status, out, _ = store("check", url)
    assert status == 1 and "see above" in out and len(out.splitlines()) > 1


def test_progress_is_told_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(store_command, "TELL_PLAIN_SECONDS", 0.0)
    with store_command._Telling("copied") as telling:
        assert list(telling.passing([1, 2])) == [1, 2]
    assert "2 copied" in capsys.readouterr().out


def test_what_ended_while_it_was_copied_is_not_missed(store, filled, place):
    from_url = filled()
    time.sleep(0.3)
    to_url = place()
    assert store("copy", from_url, to_url)[0] == 0


# the doctor


@pytest.mark.parametrize("kind", URLS)
def test_the_doctor_looks_at_the_store(filled, kind, tmp_path):
    finding = doctor._store(load({}, store=filled(kind), data=tmp_path / "data"))
    assert finding.remedy == "" and {"sqlite": "3 conversations"}.get(kind, "read and written") in finding.what


def test_the_doctor_says_what_is_wrong_with_a_store(filled, tmp_path):
    def of(store):
        return doctor._store(load({}, store=store, data=tmp_path / "none"))

    assert of("").remedy == "" and "first start" in of("").what
    url = filled()
    path = address.read(url).path
    path.chmod(0o644)
    assert "chmod 600" in of(url).remedy
    path.write_bytes(b"no database" * 1000)
    path.chmod(0o600)
    assert "store check" in of(url).remedy
    for text in ("mysql://u:secretword@h/n", "redis://:secretword@127.0.0.1:1/0", "postgresql://u:secretword@127.0.0.1:1/n"):
        finding = of(text)
        assert finding.remedy and finding.needed and "secretword" not in finding.what + finding.remedy
