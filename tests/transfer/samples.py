"""Small files as other programs write them, made here from what is known of their forms."""

from __future__ import annotations

import io
import json
import zipfile


def chatgpt_node(name, parent, role=None, text="", *, kind="text", parts=None, children=(), **more):
    message = None
    if role is not None:
        content = {"content_type": kind, "parts": parts if parts is not None else [text]}
        if kind == "code":
            content = {"content_type": "code", "language": "python", "text": text}
        message = {
            "id": name, "author": {"role": role, "name": None, "metadata": {}}, "create_time": more.pop("at", None),
            "update_time": None, "content": content, "status": "finished_successfully", "end_turn": True,
            "weight": more.pop("weight", 1.0), "metadata": more.pop("metadata", {}), "recipient": more.pop("recipient", "all"),
        }
    return {"id": name, "message": message, "parent": parent, "children": list(children)}


def chatgpt(title="Rolling back", current="a2", extra=()):
    """A conversation with a hidden beginning, an answer in two versions, a call of a tool and a picture."""
    nodes = [
        chatgpt_node("root", None),
        chatgpt_node("system", "root", "system", metadata={"is_visually_hidden_from_conversation": True}),
        chatgpt_node("profile", "system", "user", "secret", weight=0),
        chatgpt_node("q1", "profile", "user", parts=[
            {"content_type": "image_asset_pointer", "asset_pointer": "file-service://x", "width": 1}, "How do I roll back?",
        ], kind="multimodal_text", at=1.0e9),
        chatgpt_node("a1", "q1", "assistant", "The older answer", at=1.0e9 + 1),
        chatgpt_node("look", "q1", "assistant", "Let me look.", at=1.0e9 + 2),
        chatgpt_node("call", "look", "assistant", "search()", kind="code", recipient="web", at=1.0e9 + 3),
        chatgpt_node("tool", "call", "tool", "found", at=1.0e9 + 4),
        chatgpt_node("a2", "tool", "assistant", "Run it.\ue200cite\ue202turn0\ue201", at=1.0e9 + 5),
        *extra,
    ]
    return {
        "title": title, "create_time": 1.0e9, "update_time": 1.0e9 + 5, "mapping": {node["id"]: node for node in nodes},
        "current_node": current, "conversation_id": "c", "id": "c", "moderation_results": [], "is_archived": False,
    }


def archive(**members):
    """A ZIP file; names by keyword, "__" is a dot."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content if isinstance(content, str | bytes) else json.dumps(content))
    return data.getvalue()


def open_webui(**more):
    messages = {
        "q": {"id": "q", "parentId": None, "childrenIds": ["a", "b"], "role": "user", "content": "Fifteen times seventeen?",
              "timestamp": 1700000000, "files": [{"type": "file", "name": "sums.txt"}]},
        "a": {"id": "a", "parentId": "q", "childrenIds": [], "role": "assistant", "content": "250", "model": "m",
              "timestamp": 1700000005, "annotation": {"rating": -1}},
        "b": {"id": "b", "parentId": "q", "childrenIds": ["q2"], "role": "assistant", "done": True, "timestamp": 1700000010,
              "content": '<details type="reasoning" done="true">\n<summary>Thought</summary>\n&gt; hm\n</details>\n255'},
        "q2": {"id": "q2", "parentId": "b", "childrenIds": ["c"], "role": "user", "content": [
            {"type": "text", "text": "And this?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        ], "timestamp": 1700000020},
        "c": {"id": "c", "parentId": "q2", "childrenIds": [], "role": "assistant", "content": "", "done": False,
              "timestamp": 1700000030, "error": {"content": "The model is away."}},
    }
    return {
        "id": "x", "user_id": "u", "title": "Sums", "created_at": 1700000000, "updated_at": 1700000030, "pinned": True,
        "archived": False, "chat": {
            "title": "Sums", "models": ["m"], "params": {"system": "You count."}, "timestamp": 1700000000123,
            "history": {"messages": messages, "currentId": "c"},
        }, **more,
    }


NOBODY = "00000000-0000-0000-0000-000000000000"


def librechat_message(name, parent, text, person, **more):
    return {
        "messageId": name, "parentMessageId": parent, "conversationId": "c", "text": text, "isCreatedByUser": person,
        "sender": "User" if person else "GPT-4", "createdAt": "2024-05-28T18:08:55.014Z", "error": False, "unfinished": False,
        **more,
    }


def librechat(recursive=False):
    flat = [
        librechat_message("q", NOBODY, "Tell me a story", True, files=[{"filename": "dragon.png"}]),
        librechat_message("a", "q", "Once upon", False, unfinished=True),
        librechat_message("b", "q", "", False, content=[
            {"type": "think", "think": "hm"}, {"type": "text", "text": {"value": "Long ago"}},
            {"type": "text", "text": "a dragon"},
        ], feedback={"rating": "thumbsUp"}),
        librechat_message("q2", NOBODY, "Tell me a long story", True),
    ]
    value = {
        "conversationId": "c", "endpoint": "openAI", "title": "Stories", "exportAt": "08:12:16 GMT", "branches": True,
        "recursive": recursive, "options": {"model": "gpt-4o", "promptPrefix": "You tell stories.", "title": "Stories"},
    }
    if not recursive:
        return value | {"messages": flat}
    tree = [flat[0] | {"children": [flat[1] | {"children": []}, flat[2] | {"children": []}]}, flat[3] | {"children": []}]
    return value | {"messagesTree": tree}


def webbot(*talks):
    return {"format": "webbot", "version": 1, "conversations": list(talks)}


def small(title="A dragon", **more):
    """One turn in our own form."""
    return {
        "title": title, "tip": "b", "created_at": 1.5e9, "messages": [
            {"id": "a", "number": 1, "role": "user", "text": "What is it?"},
            {"id": "b", "number": 2, "parent": "a", "role": "assistant", "text": "A beast."},
        ], **more,
    }


def as_bytes(value):
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
