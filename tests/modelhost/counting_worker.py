"""A true small worker for the tests of modelhost: counts, sleeps, fails and dies on request."""

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from webbot.errors import TooMany, Unusable
from webbot.modelhost import Step, begin_anew, serve


class CountingWorker:
    def __init__(self, mode: str, notes: Path) -> None:
        self.mode, self.notes = mode, notes
        self.step = Step()
        self.counted = 0

    def step_seconds(self):
        return self.step.seconds()

    def figures(self):
        if self.counted == 13:
            raise ValueError("a bug, on purpose")
        return {"counted": self.counted}

    def load(self, report):
        report(0.5, "half way")
        if self.mode == "unusable":
            raise Unusable("The folder {folder} holds no model.", folder="nowhere")
        if self.mode == "crash":
            raise BaseException("on purpose, as a panic of a library in Rust comes")
        return {"context": 7}

    def handle(self, request, payload, gone):
        if request["do"] == "count":
            for number in range(request["to"]):
                self.counted += 1
                yield {"number": number}
            yield {"bytes": len(payload)}
        elif request["do"] == "refuse":
            raise TooMany("At most {limit} at once.", limit=3, retry_after=9)
        elif request["do"] == "break":
            raise ValueError("a bug, on purpose")
        elif request["do"] == "die":
            yield {"number": 0}
            os.kill(os.getpid(), signal.SIGKILL)
        elif request["do"] == "wait":
            try:
                while not gone():
                    time.sleep(0.005)
            finally:
                self.notes.write_text(f"left {time.time()}")
            yield {}
        elif request["do"] == "look":
            yield {"names": sorted(os.environ), "reached": reaches(request["port"])}
        elif request["do"] == "anew":
            begin_anew()
        elif request["do"] == "stick":
            threading.Thread(target=self.compute_for_ever, daemon=True).start()
            yield {"number": 0}
        elif request["do"] == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
            time.sleep(60)  # the signal may take a moment to arrive

    def compute_for_ever(self):
        with self.step:
            time.sleep(600)


def reaches(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    serve(sys.argv[sys.argv.index("--socket") + 1], CountingWorker(sys.argv[1], Path(sys.argv[2])))
