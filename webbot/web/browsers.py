"""What a browser says of itself (User-Agent), in the plain words by which a person knows a device again."""

from __future__ import annotations

import re

from flask_babel import gettext

# The first that fits: most browsers say that they are several others, too.
BROWSERS = (
    ("Edge", re.compile("Edg(e|A|iOS)?/")), ("Opera", re.compile("OPR/|Opera")),
    ("Samsung Internet", re.compile("SamsungBrowser/")),
    ("Vivaldi", re.compile("Vivaldi/")), ("Firefox", re.compile("Firefox/|FxiOS/")),
    ("Chrome", re.compile("Chrome/|Chromium/|CriOS/")), ("Safari", re.compile("Safari/")), ("curl", re.compile("^curl/")),
)
SYSTEMS = (
    ("iPhone", re.compile("iPhone")), ("iPad", re.compile("iPad")), ("Android", re.compile("Android")),
    ("Windows", re.compile("Windows")), ("ChromeOS", re.compile("CrOS")), ("macOS", re.compile("Mac OS X|Macintosh")),
    ("Linux", re.compile("Linux|X11")),
)


def browser_name(agent: str) -> str:
    """Such as "Firefox on Linux", in the language of the page."""
    browser = next((name for name, mark in BROWSERS if mark.search(agent)), "")
    system = next((name for name, mark in SYSTEMS if mark.search(agent)), "")
    if browser and system:
        return gettext("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or gettext("A browser")
