"""What ChatGPT exports: conversations.json, a list. Each conversation is a `mapping` of nodes with `parent`; `current_node` is
the end of the branch that was shown.

Left out: hidden messages, those of the system and of tools, what was said to tools, the model's thoughts, pictures and sounds
(their transcripts are kept).
"""

from __future__ import annotations

import re
from typing import Any

from webbot.messages import Status
from webbot.transfer import elsewhere
from webbot.transfer.talk import Talk
from webbot.transfer.tree import Node
from webbot.transfer.values import Values, checked_text

MARK = re.compile("\ue200[^\ue200\ue201]*\ue201")  # a reference to a page that was found; it leads nowhere outside
FENCE = re.compile(r"`{3,}")


def fits(value: object) -> bool:
    return isinstance(value, dict) and "mapping" in value


def read(value: object) -> Talk:
    given = Values(value)
    nodes = given.object("mapping")
    return elsewhere.talk(
        (_node(name, Values(node, nodes.at(name[:60]))) for name, node in nodes.all.items()),
        tip=given.text("current_node") if given.has("current_node") else "",
        title=given.text("title") if given.has("title") else "", pinned=given.all.get("is_starred") is True,
        created_at=given.time("create_time"), updated_at=given.time("update_time"),
    )


def _node(name: str, given: Values) -> Node:
    node = Node(name, given.text("parent") if given.has("parent") else "")
    if not given.has("message"):
        return node
    message = given.object("message")
    author, about = message.object("author"), message.object("metadata")
    node.time = message.time("create_time")
    hidden = about.all.get("is_visually_hidden_from_conversation") is True or message.all.get("weight") == 0
    to_a_tool = message.all.get("recipient", "all") not in ("all", None)
    if author.all.get("role") in ("user", "assistant") and not hidden and not to_a_tool:
        node.role, node.text = author.all["role"], _text(message.object("content"))
        node.status = _status(message, about)
    return node


def _status(message: Values, about: Values) -> Status:
    details = about.object("finish_details") if isinstance(about.all.get("finish_details"), dict) else Values({})
    cut = details.all.get("type") in ("interrupted", "max_tokens") or message.all.get("status") == "in_progress"
    return "stopped" if cut else "complete"


def _text(content: Values) -> str:
    kind = content.all.get("content_type")
    if kind in ("text", "multimodal_text"):
        parts = [_part(part, f"{content.at('parts')}[{place}]") for place, part in enumerate(content.items("parts"))]
        return MARK.sub("", "\n\n".join(filter(None, parts))).strip()
    if kind == "code":
        code = content.text("text")
        fence = max((found.group() + "`" for found in FENCE.finditer(code)), key=len, default="```")
        return f"{fence}\n{code}\n{fence}" if code.strip() else ""
    return ""


def _part(part: Any, place: str) -> str:
    if isinstance(part, str):
        return checked_text(part, place)
    if not isinstance(part, dict):
        return ""
    given = Values(part, place)
    kind = given.all.get("content_type")
    if kind == "image_asset_pointer":
        return elsewhere.picture()
    if kind == "audio_transcription":
        return given.text("text")
    return ""
