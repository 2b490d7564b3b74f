"""The store under gevent, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.servers import RedisServer
from tests.store.test_redis_faults import ENVIRONMENT, ROOT


@pytest.mark.slow
def test_greenlets_go_on_and_never_get_each_others_replies():
    server = RedisServer()
    try:
        ran = subprocess.run(
            [sys.executable, str(ROOT / "tests/store/redis_greenlets.py"), server.url(), str(server.process.pid)],
            capture_output=True, text=True, env=ENVIRONMENT, cwd=ROOT, timeout=60, check=False,
        )
    finally:
        server.stop()
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["frozen"]["ticks"] > 20  # of 170: none, if waiting stopped the others
    assert found["frozen"]["told"] == [2] * 5
    assert found["cut off"] == {"right": 60, "whole": True}
    assert found["together"] is True
