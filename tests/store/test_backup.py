"""The file of a backup, and the sums by which stores are compared: records in, the same records out, or a sentence."""

import dataclasses
import fcntl
import gzip
import json
import stat
import time

import pytest

from webbot.errors import Conflict, SettingsError, Unusable
from webbot.store import address, backup, sums
from webbot.store.base import Record

LATER = time.time() + 1e6
RECORDS = [
    Record("conversation", "c1", {"owner": "ann", "title": "Fü \ud800", "created_at": 5.0, "deleted_at": None, "pinned": True}),
    Record("message", "m1", {"conversation": "c1", "text": "a\0\n\u2028", "usage": {"seconds": 0.1}, "number": 1}),
    Record("request", "m1", {"message": "m1", "value": {"base64": "QUJD", "bytes": [1, 2.5, None]}}),
    Record("file", "f1", {"conversation": "c1", "text": "", "data": bytes(range(256)), "size": 256}),
    Record("share", "t1", {"token": "t1", "conversation": "c1", "tip": "m1", "created_at": 7.25}),
    Record("session", "k1", {"key": "k1", "value": b"\xff\x00", "ends_at": LATER}),
    Record("entry", "k/1", {"kind": "k", "id": "1", "owner": "", "value": {"a": [0.1, "\0"]}, "version": 2, "ends_at": None}),
    Record("entry", "k/2", {"kind": "k", "id": "2", "owner": "", "value": {}, "version": 1, "ends_at": LATER}),
    Record("counter", "c1", {"key": "c1", "value": 7, "ends_at": LATER}),
]


@pytest.fixture
def file(tmp_path):
    backup.write(tmp_path / "a.backup", RECORDS, {"store": "sqlite"})
    return tmp_path / "a.backup"


def test_records_come_back_as_they_were(file):
    assert list(backup.read(file)) == RECORDS
    head = backup.head(file)
    assert head["store"] == "sqlite" and abs(head["made_at"] - time.time()) < 60
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_empty_store_has_a_backup_too(tmp_path):
    backup.write(tmp_path / "none", [], {})
    assert list(backup.read(tmp_path / "none")) == []


def test_every_cut_is_told(file):
    whole = file.read_bytes()
    for length in range(0, len(whole), 3):
        file.write_bytes(whole[:length])
        with pytest.raises(Unusable, match=r"not whole|not a backup"):
            list(backup.read(file))


def test_every_changed_byte_is_told(file):
    whole = file.read_bytes()
    harmless = {4, 5, 6, 7, 8, 9}  # the time and the system in gzip's own head
    for place in range(0, len(whole), 2):
        if place in harmless:
            continue
        changed = bytearray(whole)
        changed[place] ^= 0x41
        file.write_bytes(changed)
        try:
            found = list(backup.read(file))
        except Unusable:
            continue
        assert found == RECORDS, place


@pytest.mark.parametrize("lines", [
    lambda lines: [*lines[:2], *lines[3:]],  # a record is missing
    lambda lines: [*lines[:3], lines[2], *lines[3:]],  # one is there twice
    lambda lines: [*lines[:-1], lines[-1], lines[1]],  # something follows the end
    lambda lines: [lines[0], b'{"kind":"spell","id":"x","fields":{}}\n', *lines[1:]],
    lambda lines: [lines[0], b'{"kind":"session","id":"x","fields":{}}\n', *lines[1:]],
    lambda lines: [lines[0], b'{"kind":"counter","id":"x","fields":{"ends_at":"soon"}}\n', *lines[1:]],
    lambda lines: [lines[0], b"[" * 50_000 + b"\n", *lines[1:]],
    lambda lines: [*lines[:-1], b'{"end":7}\n'],
    lambda lines: [lines[0], b'{"kind":"file","id":"x","fields":{},"bytes":{"data":"?"}}\n', *lines[1:]],
])
def test_a_file_packed_anew_with_other_lines_is_refused(file, lines):
    found = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    file.write_bytes(gzip.compress(b"".join(lines(found))))
    with pytest.raises(Unusable, match="damaged"):
        list(backup.read(file))


@pytest.mark.parametrize("content", [
    b"", b"SQLite format 3\0" + bytes(5000), b"A text\n", gzip.compress(b"A text\n", mtime=0), gzip.compress(b"{}\n", mtime=0),
    gzip.compress(b'{"webbot":"' + b"x" * 100_000, mtime=0), gzip.compress(b"", mtime=0), gzip.compress(b"7\n", mtime=0),
], ids=["nothing", "a database", "a text", "a packed text", "an object", "no end", "packed nothing", "a number"])
def test_a_foreign_file_is_refused_and_never_written_over(tmp_path, content):
    (tmp_path / "foreign").write_bytes(content)
    with pytest.raises(Unusable, match="not a backup of webbot"):
        list(backup.read(tmp_path / "foreign"))
    with pytest.raises(Conflict, match="another name"):
        backup.write(tmp_path / "foreign", RECORDS, {})
    assert (tmp_path / "foreign").read_bytes() == content


def test_a_newer_format_is_told(tmp_path):
    (tmp_path / "new").write_bytes(gzip.compress(json.dumps({"webbot": "backup", "format": 3}).encode() + b"\n"))
    with pytest.raises(Unusable, match="newer webbot"):
        list(backup.read(tmp_path / "new"))


def test_an_older_format_is_read(file):
    """The first one had the same lines, without entries and counters."""
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    lines[0] = lines[0].replace(b'"format":2', b'"format":1')
    assert b'"format":1' in lines[0]
    file.write_bytes(gzip.compress(b"".join(lines)))
    assert list(backup.read(file)) == RECORDS


def test_an_older_backup_stays_until_the_new_one_is_whole(file):
    before = file.read_bytes()

    def broken():
        yield RECORDS[0]
        raise Conflict("The store went away.")

    with pytest.raises(Conflict):
        backup.write(file, broken(), {})
    assert file.read_bytes() == before and len(list(file.parent.iterdir())) == 1
    backup.write(file, RECORDS[:2], {})
    assert list(backup.read(file)) == RECORDS[:2]


def test_what_a_killed_backup_left_is_taken_over_and_a_running_one_is_not(file):
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(b"cut")
    part.chmod(0o644)
    with part.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another backup"):
            backup.write(file, RECORDS, {})
    backup.write(file, RECORDS, {})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and not part.exists()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    for place in (tmp_path / "no" / "folder" / "a", tmp_path):
        with pytest.raises(SettingsError):
            backup.write(place, RECORDS, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        list(backup.read(tmp_path / "nothing"))


# sums


def test_sums_know_nothing_of_order_and_everything_of_content():
    assert sums.differences(sums.of(RECORDS), sums.of(reversed(RECORDS))) == []
    for place, record in enumerate(RECORDS):
        fields = dict(record.fields) | {"more": 1}
        for others in (
            [*RECORDS[:place], *RECORDS[place + 1:]], [*RECORDS, record],
            [*RECORDS[:place], dataclasses.replace(record, fields=fields), *RECORDS[place + 1:]],
            [*RECORDS[:place], dataclasses.replace(record, id="other"), *RECORDS[place + 1:]],
        ):
            assert sums.differences(sums.of(RECORDS), sums.of(others)) == [record.kind]


def test_equal_numbers_are_equal_and_true_is_no_number():
    def one(value):
        return sums.of([Record("share", "t", {"value": value})])

    assert sums.differences(one({"a": 5.0, "b": [1]}), one({"b": (1,), "a": 5})) == []
    assert sums.differences(one(0.1), one(0.1000001)) == ["share"]
    assert sums.differences(one(1), one(True)) == sums.differences(one(None), one("")) == ["share"]


@pytest.mark.parametrize("kind", ["session", "entry", "counter"])
def test_what_ended_meanwhile_is_not_missed(kind):
    ended, lasting = (Record(kind, "old", {"key": "old", "value": 7, "ends_at": time.time() + of}) for of in (-1, 600))
    assert sums.differences(sums.of([*RECORDS, ended]), sums.of(RECORDS)) == []
    assert sums.differences(sums.of([*RECORDS, lasting]), sums.of(RECORDS)) == [kind]


# addresses


@pytest.mark.parametrize(("text", "kind", "shown"), [
    ("sqlite:////var/x.db", "sqlite", "sqlite:////var/x.db"),
    ("postgres://u:p%40w@h:5433/n?sslmode=require&password=s3", "postgresql", "postgresql://u@h:5433/n"),
    ("postgresql:///n?host=/run/pg&password=s3", "postgresql", "postgresql:///n?host=/run/pg"),
    ("redis://p%40w@h/0", "redis", "redis://h/0"),
    ("redis://:p%40w@h:6379/0?password=s3", "redis", "redis://h:6379/0"),
    ("unix:///run/r.sock?db=3&password=s3", "redis", "unix:///run/r.sock?db=3"),
    ("rediss://a:p%40w@[::1]:1/0", "redis", "rediss://a@[::1]:1/0"),
])
def test_an_address_is_shown_without_its_password(text, kind, shown):
    found = address.read(text)
    assert (found.kind, found.shown, str(found)) == (kind, shown, shown)
    for written in (repr(found), found.shown):
        assert "p%40w" not in written and "s3" not in written
    assert found.url.partition("://")[2] == text.partition("://")[2]


@pytest.mark.parametrize("text", [
    "secretword", "mysql://u:secretword@h/n", "sqlite://secretword", "sqlite:///", "sqlite:///:memory:", "sqlite:////a?secretword",
    "postgresql://u:12/secretword@h/n", "postgresql://u:12#secretword@h/n", "redis://h:secretword", "redis://[secretword", "unix://",
    "http://secretword/", "redis:secretword", "redis://h/\nsecretword", "redis://" + "secretword" * 300,
])
def test_what_names_no_store_is_told_without_repeating_it(text):
    with pytest.raises(SettingsError, match="postgresql://") as told:
        address.read(text)
    assert "secretword" not in str(told.value)


def test_a_path_is_the_same_wherever_a_process_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert address.read("sqlite:///x.db").path == tmp_path / "x.db"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert address.read("sqlite:///~/y.db").url == f"sqlite:///{tmp_path}/y.db"
