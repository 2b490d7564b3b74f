"""What happens to the database when something goes wrong around it: kills, locks, a full disk, a broken file."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from webbot.errors import DiskFull, NotFound, SettingsError, Unavailable
from webbot.messages import Message
from webbot.store.sql import SqlStore
from webbot.store.sql_database import MOST_WAITING

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/data/webbot.db"


def ask(store, talk, text="Hm?"):
    return store.begin_turn("ann", talk.id, Message(role="user", text=text))


def answered(store, talk, text="Yes."):
    _, answer = ask(store, talk)
    store.save_answer("ann", talk.id, replace(answer, text=text, status="complete"))


@pytest.mark.slow
class TestLock:
    @pytest.fixture
    def lock(self, tmp_path):
        """Another process that holds the writing lock until its input ends."""
        program = (
            "import sqlite3, sys\n"
            "raw = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "raw.execute('BEGIN IMMEDIATE')\n"
            "print('locked', flush=True)\n"
            "sys.stdin.read()\n"
        )

        def hold():
            holder = subprocess.Popen(
                [sys.executable, "-c", program, str(tmp_path / "data/webbot.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert holder.stdout.readline() == b"locked\n"
            held.append(holder)
            return holder

        held = []
        yield hold
        for holder in held:
            holder.communicate(timeout=10)

    def test_reading_goes_on_and_writing_says_so(self, tmp_path, lock):
        store = SqlStore(url(tmp_path), patience=0.5)
        talk = store.create_conversation("ann")
        answered(store, talk)
        lock()
        started = time.monotonic()
        assert len(store.messages("ann", talk.id)) == 2
        assert time.monotonic() - started < 3
        for call in (lambda: ask(store, talk), lambda: store.delete_conversation("ann", talk.id), store.check):
            started = time.monotonic()
            with pytest.raises(Unavailable) as problem:
                call()
            assert 0.4 < time.monotonic() - started < 5
            assert problem.value.retry_after == 5
        assert len(store.messages("ann", talk.id)) == 2
        store.close()

    def test_a_short_lock_is_waited_for(self, tmp_path, lock):
        store = SqlStore(url(tmp_path))
        talk = store.create_conversation("ann")
        holder = lock()
        threading.Timer(0.3, holder.stdin.close).start()
        started = time.monotonic()
        ask(store, talk)
        assert 0.2 < time.monotonic() - started < 5
        holder.stdin = None
        store.close()

    def test_a_crowd_is_refused_at_once(self, tmp_path, lock):
        store = SqlStore(url(tmp_path), patience=60)
        talk = store.create_conversation("ann")
        holder = lock()
        stored, refused = [], []

        def write():
            try:
                store.save_counts("ann", talk.id, {}, "nobody")
                stored.append(1)
            except Unavailable:
                refused.append(1)

        threads = [threading.Thread(target=write) for _ in range(100)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 50
        while len(refused) < 100 - MOST_WAITING and time.monotonic() < until:
            time.sleep(0.05)
        assert len(refused) == 100 - MOST_WAITING, "a crowd does not wait as long as one would"
        holder.communicate(timeout=10)
        for thread in threads:
            thread.join()
        assert len(stored) == MOST_WAITING, "those who waited were served"
        store.close()

    def test_it_never_waits_inside_sqlite(self, tmp_path, lock):
        """Under gevent every other greenlet goes on while one waits for the lock."""
        SqlStore(url(tmp_path)).close()
        lock()
        program = (
            "from gevent import monkey; monkey.patch_all()\n"
            "import gevent, sys, time\n"
            "from webbot.errors import Unavailable\n"
            "from webbot.store.sql import SqlStore\n"
            "from webbot.store import sql_database\n"
            "late = []\n"
            "def tick():\n"
            "    while True:\n"
            "        started = time.monotonic(); gevent.sleep(0.01); late.append(time.monotonic() - started)\n"
            "gevent.spawn(tick)\n"
            "try:\n"
            "    SqlStore(sys.argv[1], patience=1.0)\n"
            "except Unavailable:\n"
            "    print(len(late), max(late))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, url(tmp_path)], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, check=True
        )
        ticks, latest = done.stdout.split()
        assert int(ticks) > 20
        assert float(latest) < 0.4


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=False)


def fill(folder: Path) -> Path:
    """Takes all that is left of the disk."""
    ballast = folder / f"ballast{time.monotonic_ns()}"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


@pytest.mark.slow
class TestFullDisk:
    def test_reading_and_deleting_work_and_it_recovers_alone(self, small_disk):
        store = SqlStore(url(small_disk))
        talks = [store.create_conversation("ann", title=str(n)) for n in range(3)]
        for talk in talks:
            answered(store, talk, "long " * 100_000)
        ballast = fill(small_disk)
        with pytest.raises(DiskFull):
            for _ in range(2000):
                answered(store, talks[0], "more " * 1000)
        with pytest.raises(DiskFull):
            store.check()
        assert store.messages("ann", talks[2].id)[-1].text == "long " * 100_000
        store.delete_conversation("ann", talks[1].id)
        with pytest.raises(NotFound):
            store.conversation("ann", talks[1].id)
        fill(small_disk)  # what the reserve freed is taken by somebody else
        with pytest.raises(DiskFull):
            store.create_conversation("ann", title="no room")
        ballast.unlink()
        deadline = time.monotonic() + 10
        while True:
            try:
                store.create_conversation("ann", title="room again")
                break
            except DiskFull:
                assert time.monotonic() < deadline
                time.sleep(0.2)
        store.check()
        store.close()
        with contextlib.closing(sqlite3.connect(small_disk / "data/webbot.db")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def test_the_end_of_an_answer_is_written_from_the_reserve(self, small_disk):
        store = SqlStore(url(small_disk))
        talk = store.create_conversation("ann")
        _, answer = ask(store, talk)
        fill(small_disk)
        with pytest.raises(DiskFull):
            for words in range(0, 4_000_000, 100_000):
                store.save_answer("ann", talk.id, replace(answer, text="word " * words))
        store.save_answer("ann", talk.id, replace(answer, text="As far as it came.", status="failed"))
        assert store.messages("ann", talk.id)[-1].text == "As far as it came."
        store.close()

    def test_a_start_on_a_full_disk_still_shows_what_is_there(self, small_disk):
        store = SqlStore(url(small_disk))
        talk = store.create_conversation("ann", title="kept")
        ask(store, talk)
        store.close()
        fill(small_disk)
        store = SqlStore(url(small_disk))
        assert store.fail_interrupted("The server stopped.") == 1
        assert [c.title for c in store.conversations("ann")] == ["kept"]
        store.delete_conversation("ann", talk.id)
        store.close()

    def test_deleting_gives_the_room_back(self, small_disk):
        store = SqlStore(url(small_disk))
        talk = store.create_conversation("ann")
        with pytest.raises(DiskFull):
            while True:
                answered(store, talk, "word " * 100_000)
        store.delete_conversation("ann", talk.id)
        store.create_conversation("ann", title="room again")
        assert store.free_bytes() > 10 * 1024 * 1024
        store.close()

    def test_a_limit_of_the_process_reads_as_a_full_disk(self, tmp_path):
        """Where no small disk can be mounted this still shows the sentence: EFBIG comes like a quota's EDQUOT."""
        SqlStore(url(tmp_path)).close()
        program = (
            "import resource, signal, sys\n"
            "from webbot.errors import DiskFull\n"
            "from webbot.store.sql import SqlStore\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "store = SqlStore(sys.argv[1])\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))\n"
            "try:\n"
            "    for n in range(1000): store.create_conversation('ann', title='x' * 10_000)\n"
            "except DiskFull as problem:\n"
            "    print(n, problem.status, len(store.conversations('ann', limit=2000)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, url(tmp_path)], capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, check=True
        )
        written, status, listed = map(int, done.stdout.split())
        assert written == listed > 1
        assert status == 507


class TestFile:
    def test_only_its_user_may_read_it(self, tmp_path):
        store = SqlStore(url(tmp_path))
        store.create_conversation("ann")
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "data").iterdir()}
        assert modes.keys() >= {"webbot.db", "webbot.db-wal", "webbot.db.reserve"}
        assert set(modes.values()) == {0o600}
        store.close()

    def test_settings_of_the_connection(self, tmp_path):
        store = SqlStore(url(tmp_path))

        def pragmas(connection):
            names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

        assert store._database.read(pragmas) == ["wal", 2, 1, 0]
        store.close()

    def test_it_is_all_there_after_a_restart(self, tmp_path):
        store = SqlStore(url(tmp_path))
        talk = store.create_conversation("ann", title="kept")
        answered(store, talk)
        store.write_session("key", b"value", 60)
        before = store.conversation("ann", talk.id), store.messages("ann", talk.id)
        store.close()
        store = SqlStore(url(tmp_path))
        assert (store.conversation("ann", talk.id), store.messages("ann", talk.id)) == before
        assert store.read_session("key") == b"value"
        store.close()

    def test_deleted_words_are_not_left_in_the_file(self, tmp_path):
        store = SqlStore(url(tmp_path))
        talk = store.create_conversation("ann")
        answered(store, talk, "canarywords" * 2000)
        other = store.create_conversation("ann", title="other")
        answered(store, other, "kept words")
        store.delete_conversation("ann", talk.id)
        store.purge(time.time() + 100)
        store.close()
        assert b"canarywords" not in (tmp_path / "data/webbot.db").read_bytes()

    @pytest.mark.parametrize("content", [b"A text.\n" * 100, b"SQLite format 3\0" + b"\xff" * 8000], ids=["text", "broken"])
    def test_a_damaged_file_is_one_sentence(self, tmp_path, content):
        (tmp_path / "data").mkdir()
        (tmp_path / "data/webbot.db").write_bytes(content)
        with pytest.raises(SettingsError, match="damaged"):
            SqlStore(url(tmp_path))
        assert (tmp_path / "data/webbot.db").read_bytes() == content

    def test_a_file_cut_short_is_noticed(self, tmp_path):
        store = SqlStore(url(tmp_path))
        talk = store.create_conversation("ann")
        answered(store, talk, "word " * 50_000)
        store.close()
        file = tmp_path / "data/webbot.db"
        os.truncate(file, file.stat().st_size // 2)
        with pytest.raises((SettingsError, Unavailable), match="damaged"):
            store = SqlStore(url(tmp_path))
            store.messages("ann", talk.id)

    def test_another_programs_database_is_left_alone(self, tmp_path):
        (tmp_path / "data").mkdir()
        with contextlib.closing(sqlite3.connect(tmp_path / "data/webbot.db")) as raw, raw:
            raw.execute("CREATE TABLE photographs (id)")
        with pytest.raises(SettingsError, match="another program"):
            SqlStore(url(tmp_path))

    @pytest.mark.parametrize("address", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://localhost/webbot"])
    def test_only_a_file_is_a_database(self, address):
        with pytest.raises(SettingsError, match="sqlite:///PATH"):
            SqlStore(address)

    def test_a_place_that_cannot_be_is_one_sentence(self, tmp_path):
        (tmp_path / "data").write_text("a file where the folder should be")
        with pytest.raises(SettingsError, match="cannot be opened"):
            SqlStore(url(tmp_path))
        (tmp_path / "data").unlink()
        (tmp_path / "data/webbot.db").mkdir(parents=True)
        with pytest.raises(SettingsError, match="cannot be opened"):
            SqlStore(url(tmp_path))
