"""How a program's turn joins a conversation that is stored here: how the request names it, and whose it may be.

Covered: a server that asks who is there, or that others reach, lets a program reach its own conversations only. Where the server
is for this machine alone and asks nobody, any key is accepted and says nothing; there the conversation's id, 128 random bits, is
what lets a program in. A browser's session reaches its own conversations only, in either case.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import g, request

from webbot.errors import BadInput, NotFound
from webbot.messages import Conversation
from webbot.services import Services
from webbot.web.sessions import COOKIE

HEADER = "X-Conversation-Id"
KEY = "conversation_id"


def named_conversation(metadata: Mapping[str, str] | None) -> str:
    """The id that the request gives in `metadata` or in the header, "" for none. Raises BadInput when the two differ."""
    told = (metadata or {}).get(KEY, "")
    header = request.headers.get(HEADER, "")
    if told and header and told != header:
        raise BadInput("metadata.{key} and the header {header} name different conversations.", key=KEY, header=HEADER,
                       parameter="metadata")
    return told or header


def joined_conversation(services: Services, conversation: str) -> Conversation:
    """The conversation with that id, for the request's program. Raises NotFound for another's as for one that is not there."""
    try:
        return services.store.conversation(_reachable_owner(services, conversation), conversation)
    except NotFound:
        raise NotFound("This conversation is not here. It may have been deleted.", parameter="metadata",
                       code="conversation_not_found") from None


def _reachable_owner(services: Services, conversation: str) -> str:
    if services.settings.private and COOKIE not in request.cookies:
        return services.store.owner(conversation)
    return g.owner
