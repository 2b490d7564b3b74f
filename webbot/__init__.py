"""webbot: a self-hosted web chat with voice.

One conversation with many doors: a page, a microphone, a program. See docs/architecture.md for the rooms of this package.
"""

__version__ = "0.6.0"
