"""Nobody has said who is there, or not truly."""

from __future__ import annotations

from webbot.errors import NotAllowed


class Unwelcome(NotAllowed):
    """Signing in would help."""

    status = 401
