"""Moments in words of the page's language, as seen from now: "3 hours ago", "in 6 days"."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from flask_babel import format_date, format_timedelta, gettext

NOW_SECONDS = 60.0


def since(moment: float) -> str:
    """How long ago; "" for a moment that nobody knows (0)."""
    if not moment:
        return ""
    passed = time.time() - moment
    return gettext("just now") if passed < NOW_SECONDS else format_timedelta(timedelta(seconds=-passed), add_direction=True)


def until(moment: float | None) -> str:
    """In how long; "" for what has no end."""
    if moment is None:
        return ""
    return format_timedelta(timedelta(seconds=max(1.0, moment - time.time())), add_direction=True)


def day(moment: float) -> str:
    return format_date(datetime.fromtimestamp(moment, UTC))
