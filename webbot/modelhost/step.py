"""How long a computation has been running."""

from __future__ import annotations

import time
from types import TracebackType


class Step:
    """`with step:` around one computation of the one thread that computes; others ask for its `seconds`."""

    def __init__(self) -> None:
        self._began: float | None = None

    def __enter__(self) -> None:
        self.again()

    def again(self) -> None:
        """The next part of the computation begins."""
        self._began = time.monotonic()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._began = None

    def seconds(self) -> float:
        """Since the computation that runs began; 0 when none runs."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began
