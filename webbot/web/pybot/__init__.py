"""Pybot's API: conversations over REST, and one WebSocket for all of them.

`door` puts it together. `wire` says how things look, `conversations`, `files` and `person` are REST; `handshake` opens a socket,
`sockets` counts and watches them, `talk` is what is said over one, `sent` what a client may say; `titles` names conversations.
"""

from webbot.web.pybot.door import PYBOT_DOOR, Pybot

__all__ = ["PYBOT_DOOR", "Pybot"]
