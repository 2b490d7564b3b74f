"""Whether the settings of who may come in fit one another: a server that would let strangers in does not start.

Covered: what is known before anything listens. Not covered: who may come in once it runs (web/chain.py).
"""

from __future__ import annotations

from webbot.errors import SettingsError
from webbot.settings import Settings


def check_access(settings: Settings) -> None:
    """Raises SettingsError with the remedy for settings that are not safe together."""
    _refuse_open_server(settings)


def _refuse_open_server(settings: Settings) -> None:
    if settings.mode == "open" and settings.reached and not settings.open_to_all:
        raise SettingsError("With WEBBOT_ACCESS=open everybody who reaches this server may use it, and others than this machine "
                            "can. Set WEBBOT_ACCESS=invite, or start with --open-to-all if that is what you want.")
