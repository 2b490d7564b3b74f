"""Processes are killed, frozen and stopped in mid-answer: nothing acknowledged is lost, and the server comes back."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import threading
import time

import psutil
import pytest

from tests.live.conftest import until

pytestmark = pytest.mark.slow


def rows(server, sql="SELECT role, status, text FROM messages ORDER BY conversation, number"):
    with sqlite3.connect(f"file:{server.folder / 'data' / 'webbot.db'}?mode=ro", uri=True) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute(sql).fetchall()


def test_the_web_process_is_killed_in_mid_answer(live):
    server = live()
    visitor = server.visitor()
    acknowledged = []
    for number in range(8):
        key = visitor.ask(f"question{number} " + "word " * 100)["conversation"]
        acknowledged.append(f"question{number} ")
        time.sleep(0.3)
        if number % 2:
            before = server.web().pid
            os.kill(before, signal.SIGKILL)
            until(lambda before=before: server._answers("/readyz") and server.web().pid != before)
    found = rows(server)
    for text in acknowledged:
        assert len([row for row in found if row[0] == "user" and row[2].startswith(text)]) == 1
    until(lambda: not visitor.http.get("/list").text.count("live"), 30)
    failed = [row for row in rows(server) if row[0] == "assistant" and row[1] == "failed"]
    assert len(failed) >= 4, "interrupted answers come back as such"
    assert "stopped in the middle" in visitor.page(key)
    assert visitor.answer("and on it goes", key)[2] == "finished"


def test_the_whole_server_is_killed_and_leaves_no_process(live):
    server = live(engine="local")
    visitor = server.visitor()
    visitor.ask("Tell me a story about a dragon")
    family = server.processes()
    assert len(family) >= 2
    server.process.kill()
    server.process.wait()
    until(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], 10, f"left: {family}")
    server.start()
    assert [row for row in rows(server) if row[0] == "user"]


@pytest.mark.model
def test_the_model_is_killed_in_mid_answer(live):
    server = live(engine="local")
    visitor = server.visitor()
    key, _, _ = visitor.answer("Hello")
    visitor.ask("Tell me a long story about a dragon", key)
    started = 0.0
    data = {}
    for name, data in visitor.events(key):  # noqa: B007 - the last one is looked at below
        if name == "blocks" and not started:
            server.find("webbot.engines.worker").kill()
            started = time.monotonic()
        if name in ("finished", "failed"):
            break
    assert name == "failed"
    assert time.monotonic() - started < 6
    assert "started again" in data["sentence"]
    assert visitor.http.get("/healthz").status_code == 200
    until(lambda: visitor.http.get("/readyz").status_code == 200, 30)
    assert visitor.answer("What is the capital of France?", key)[2] == "finished"


@pytest.mark.model
def test_a_frozen_model_ends_the_answer_and_is_replaced(live):
    server = live(engine="local", token_timeout="3")
    visitor = server.visitor()
    key, _, _ = visitor.answer("Hello")
    model = server.find("webbot.engines.worker")
    model.suspend()
    began = time.monotonic()
    answer = visitor.http.post(f"/c/{key}/turns", data={"question": "Tell me a story"})
    if answer.status_code == 201:
        assert next(name for name, _ in visitor.events(key) if name in ("failed", "finished")) == "failed"
    else:
        assert answer.status_code == 503
    assert time.monotonic() - began < 30
    until(lambda: not model.is_running() or model.status() == psutil.STATUS_ZOMBIE, 15)
    question = {"question": "What is the capital of France?"}
    until(lambda: visitor.http.post(f"/c/{key}/turns", data=question).status_code == 201, 30)
    until(lambda: "Paris" in visitor.page(key), 60)


def test_sigterm_ends_twenty_streams_in_order(live):
    server = live()
    visitors = [server.visitor() for _ in range(20)]
    keys = [visitor.ask("word " * 1500)["conversation"] for visitor in visitors]
    ended = []
    for visitor, key in zip(visitors, keys, strict=True):
        listen = lambda v=visitor, k=key: ended.append([name for name, _ in v.events(k)][-1:])  # noqa: E731
        threading.Thread(target=listen, daemon=True).start()
    time.sleep(1)
    family = server.processes()
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 29
    until(lambda: len(ended) == 20, 5)
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert {row[1] for row in rows(server) if row[0] == "assistant"} == {"stopped"}


def test_ctrl_c_leaves_nothing(live):
    server = live(engine="local", speech="1")
    family = server.processes()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(25) == 0
    until(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], 5)


@pytest.mark.model
def test_ten_conversations_at_once_do_not_mix(live):
    server = live(engine="local", temperature="0")
    names = ["Alma", "Bodo", "Cleo", "Dara", "Enno", "Fina", "Gero", "Hilda", "Ivo", "Jana"]
    told = {}

    def talk(name):
        visitor = server.visitor()
        key, _, _ = visitor.answer(f"My name is {name}.")
        told[name] = visitor.answer("What is my name?", key)[1].split('class="said"')[1]

    talks = [threading.Thread(target=talk, args=(name,)) for name in names]
    for one in talks:
        one.start()
    for one in talks:
        one.join(90)
    assert set(told) == set(names)
    for name, html in told.items():
        assert name in html
        assert not [other for other in names if other != name and other in html], "nobody else's name"


def test_two_hundred_idle_pages_beside_an_answer(live):
    server = live()
    idle = server.visitor()
    key, _, _ = idle.answer("hello")
    cookie = idle.http.cookies.get("__Host-session")
    program = (
        "import asyncio, ssl, sys\n"
        "async def main():\n"
        "    context = ssl._create_unverified_context()\n"
        "    lines = ['GET /c/%s/events HTTP/1.1', 'Host: localhost:%s', 'Cookie: __Host-session=%s', '', '']\n"
        "    request = '\\r\\n'.join(lines) % tuple(sys.argv[1:4])\n"
        "    async def page():\n"
        "        reader, writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[2]), ssl=context)\n"
        "        writer.write(request.encode())\n"
        "        assert b'200' in await reader.readline()\n"
        "        return reader, writer\n"
        "    pages = [await page() for _ in range(200)]\n"
        "    print('open', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    pages = subprocess.Popen(["python3", "-c", program, key, str(server.port), cookie], stdout=subprocess.PIPE, text=True)
    try:
        assert pages.stdout.readline() == "open\n"
        visitor = server.visitor()
        began = time.monotonic()
        assert visitor.answer("one two three")[2] == "finished"
        assert time.monotonic() - began < 6
        streams = re.search(r"^webbot_streams (\d+)", visitor.http.get("/metrics").text, re.MULTILINE)
        assert 200 <= int(streams.group(1)) <= 202, "those that were closed are noticed at the next heartbeat"
        assert server.web().memory_info().rss < 150e6
    finally:
        pages.kill()
        pages.wait()


def test_a_full_disk_refuses_writing_and_nothing_else(live, tmp_path):
    disk = tmp_path / "small"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", disk], capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    try:
        server = live(data=str(disk))
        visitor = server.visitor()
        key, _, _ = visitor.answer("kept")

        def fill():
            with contextlib.suppress(OSError), (disk / "filler").open("ab") as filler:
                while True:
                    filler.write(b"x" * 100_000)
                    filler.flush()

        def store_has_failed():
            fill()  # also what the reserve gave back
            return visitor.http.get("/readyz").json()["parts"]["store"]["status"] == "failed"

        fill()
        refused = {visitor.http.post(f"/c/{key}/turns", data={"question": "w " * 3000}).status_code for _ in range(20)}
        assert 507 in refused
        assert refused <= {201, 409, 507}
        assert "kept" in visitor.page(key)
        until(store_has_failed)
        assert visitor.http.post(f"/c/{key}/delete").status_code == 200, "deleting works on a full disk"
        (disk / "filler").unlink()
        assert until(lambda: visitor.http.post("/turns", data={"question": "again"}).status_code == 201, 30)
        server.stop()
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
