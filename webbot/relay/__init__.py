"""Channels through Redis: several web processes, on one machine or many, hear the same of every conversation.

`channels` is what they use; `reader`, `writer` and `beat` are its three threads (greenlets in the server), `keys` names what
stands in Redis, `wire` how news are written there. Nobody else asks Redis about news.
"""

from webbot.relay.channels import RelayedChannels

__all__ = ["RelayedChannels"]
