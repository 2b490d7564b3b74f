"""Files at the doors: what is taken, what is refused and when, and that a browser runs nothing of them."""

import io
import shutil
from collections import namedtuple

import pytest

from tests.web.test_turns import Talk, app  # noqa: F401 - the same server
from webbot.web import files

JSON = {"Accept": "application/json"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 30
HOSTILE = [
    ("../../etc/passwd", "passwd"),
    ("C:\\temp\\notes.txt", "notes.txt"), ("a\r\nSet-Cookie: x=1.txt", "a Set-Cookie: x=1.txt"),
    ('quote".txt', 'quote".txt'), ("<script>.txt", "<script>.txt"),
    ("\u202etxt.exe.md", "txt.exe.md"), ("…", "…"), ("北.txt", "北.txt"),
]


@pytest.fixture
def talk(ann, services):
    return Talk(ann, services)


def send(talk, name, data, status=201, **fields):
    answer = talk.client.post(
        f"/c/{talk.key}/files", data={"attached": (io.BytesIO(data), name), **fields}, headers=JSON,
    )
    assert answer.status_code == status, answer.text
    return answer


def kept(talk):
    return talk.store.files("home", talk.key)


def test_a_text_is_read_and_shown(talk):
    told = send(talk, "notes.md", b"# Words\n\none two three").json
    assert "notes.md" in told["files_html"] and "tokens are read" in told["files_html"]
    (file,) = kept(talk)
    assert file.id in talk.page()
    answer = talk.client.get(f"/c/{talk.key}/files/{file.id}")
    assert answer.data == b"# Words\n\none two three"
    assert answer.headers["Content-Disposition"] == "attachment; filename=notes.md"
    talk.post(f"files/{file.id}/delete")
    assert not kept(talk)
    assert talk.client.get(f"/c/{talk.key}/files/{file.id}").status_code == 404


@pytest.mark.parametrize(("name", "media", "inline"), [("x.png", PNG, True), ("x.html", b"<script>alert(1)</script>", False)])
def test_a_browser_runs_nothing_of_a_file(talk, name, media, inline):
    send(talk, name, media)
    answer = talk.client.get(f"/c/{talk.key}/files/{kept(talk)[0].id}")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; sandbox") and "script" not in policy and "allow" not in policy
    assert answer.headers["Content-Disposition"].startswith("inline" if inline else "attachment")
    assert answer.mimetype == ("image/png" if inline else "application/octet-stream")


@pytest.mark.parametrize(("name", "shown"), HOSTILE)
def test_names_are_names(talk, name, shown):
    talk.chat.attach("home", talk.key, name, b"words")
    (file,) = kept(talk)
    assert file.name == shown
    answer = talk.client.get(f"/c/{talk.key}/files/{file.id}")
    assert answer.status_code == 200 and "Set-Cookie" not in dict(answer.headers)
    assert "\n" not in answer.headers["Content-Disposition"]
    assert "<script>" not in talk.page().replace("<script src", "").replace('<script type="module"', "")


def test_before_the_first_question(ann):
    fields = {"attached": (io.BytesIO(b"words"), "a.txt"), "bot_role": "You are a gardener."}
    answer = ann.post("/files", data=fields, headers=JSON)
    assert answer.status_code == 201
    page = ann.get(answer.json["url"]).text
    assert "a.txt" in page and "You are a gardener." in page


def test_a_refused_first_file_leaves_no_conversation(ann, services):
    before = len(services.store.conversations("home"))
    answer = ann.post("/files", data={"attached": (io.BytesIO(b""), "a.txt"), "question": "a draft"})
    assert answer.status_code == 422 and "a draft</textarea>" in answer.text
    assert ann.post("/files", data={"question": "x"}, headers=JSON).status_code == 400
    assert len(services.store.conversations("home")) == before


def test_files_with_a_question_without_script(ann, services):
    both = [(io.BytesIO(b"one"), "a.txt"), (io.BytesIO(b"two"), "b.txt")]
    answer = ann.post("/turns", data={"question": "read", "attached": both})
    assert answer.status_code == 303
    page = ann.get(answer.location.split("#")[0]).text
    assert "a.txt" in page and "b.txt" in page and 'class="turn complete' in page


class Unread(io.BytesIO):
    """A body that must not be read."""

    def read(self, *args):
        raise AssertionError("the body was read")

    readline = read


def huge(talk, path, length):
    """A request whose body is told to have that length, and must not be read."""
    told = {"CONTENT_LENGTH": str(length), "CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": Unread()}
    return talk.client.post(path, headers=JSON, environ_overrides=told)


def test_what_is_too_large_is_refused_unread(talk):
    for path in (f"/c/{talk.key}/files", "/files"):
        answer = huge(talk, path, 20_000_000)
        assert answer.status_code == 413 and "16 MB" in answer.json["error"]["message"]


def test_a_full_disk_takes_no_files(talk, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 20_000_000))
    answer = huge(talk, f"/c/{talk.key}/files", 500_000)
    assert answer.status_code == 507 and answer.json["error"]["message"] == files.FULL


def test_a_file_without_room_beside_pinned_turns_says_so(talk):
    words = 2000
    while words >= 1:  # until not a word more can be pinned
        talk.told("w " * words)
        question = talk.store.messages("home", talk.key)[-2]
        answer = talk.client.post(f"/c/{talk.key}/pin", data={"message": question.id, "pinned": "on"}, headers=JSON)
        words //= 1 if answer.status_code == 200 else 4
    assert "no room beside pinned turns" in send(talk, "notes.md", b"one two three " * 50).json["files_html"]
