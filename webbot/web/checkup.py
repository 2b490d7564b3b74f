"""What the doctor (`python -m webbot doctor`) finds on this machine, for the page of the owner.

It looks in a process of its own, away from all requests: it reads files, asks the network, and takes a second or more. What it
found is kept for an hour. Its sentences are English, as in the terminal.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from webbot.settings import ROOT, Settings, spelled
from webbot.surroundings import process_environment

KEPT_SECONDS = 3600.0
LONGEST_SECONDS = 120.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """One line of the report. Without a remedy it is well; `needed` says whether webbot can do without."""

    what: str
    remedy: str = ""
    needed: bool = True

    @property
    def kind(self) -> str:
        return "well" if not self.remedy else "problem" if self.needed else "note"

    @property
    def rank(self) -> int:
        """What has to be mended comes first."""
        return ("problem", "note", "well").index(self.kind)


class Checkup:
    """Of the machine of a running server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.found: Sequence[Found] = ()
        self.looked_at = 0.0  # seconds since 1970; 0: not yet
        self._looking = threading.Lock()

    @property
    def looks(self) -> bool:
        """Whether it is looking at this moment."""
        return self._looking.locked()

    @property
    def due(self) -> bool:
        return not 0 <= time.time() - self.looked_at < KEPT_SECONDS

    def begin(self) -> None:
        """Looks anew, unless it does already. Returns at once."""
        if self._looking.acquire(blocking=False):
            threading.Thread(target=self._look, name="checkup", daemon=True).start()

    def _look(self) -> None:
        try:
            self.found = self._ask()
        finally:
            self.looked_at = time.time()
            self._looking.release()

    def _ask(self) -> Sequence[Found]:
        command = [sys.executable, "-m", "webbot", "doctor", "--json", "--running"]
        try:
            asked = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False,
                                   stdin=subprocess.DEVNULL, cwd=ROOT, env=process_environment(**spelled(self.settings)))
            if asked.returncode not in (0, 1):
                raise ValueError((asked.stderr.strip().splitlines() or ["no reason given"])[-1])
            return [Found(**each) for each in json.loads(asked.stdout)]
        except (OSError, subprocess.SubprocessError, ValueError, TypeError) as error:
            log.warning("the self-check failed: %s", error)
            return [Found("The self-check failed.", "Run ./run_webbot.sh doctor on the machine of the server.")]
