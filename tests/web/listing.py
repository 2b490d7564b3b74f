"""One application for a module of tests, and what a browser without script does with the list."""

from __future__ import annotations

import html
import io
import json
import re

JSON = {"Accept": "application/json"}


def talk(title, *texts, **more):
    """A conversation in our own form: question and answer by turns."""
    messages = [
        {"id": str(at), "parent": str(at - 1) if at > 1 else "", "number": at, "role": "user" if at % 2 else "assistant",
         "text": text, "created_at": 1.5e9 + at}
        for at, text in enumerate(texts or ("What is it?", "A beast."), 1)
    ]
    return {"title": title, "tip": str(len(messages)), "messages": messages, "created_at": 1.5e9, "updated_at": 1.5e9, **more}


def put_in(visitor, *talks, name="a.json", headers=JSON):
    """Imports conversations in our own form."""
    return send(visitor, json.dumps({"format": "webbot", "version": 1, "conversations": talks}).encode(), name, headers)


def send(visitor, data, name="a.json", headers=JSON):
    return visitor.post("/import", data={"file": (io.BytesIO(data), name)}, headers=headers)


def key_of(visitor, title):
    """The id of the conversation with that title."""
    listed = visitor.get("/list", query_string={"q": title}).text
    return re.search(r'data-conversation="([\w-]+)"', listed)[1]


def titles(listed):
    return [html.unescape(title) for title in re.findall(r'<span title="[^"]*"><bdi>([^<]*)</bdi>', listed)]


def version_of(visitor, key):
    return re.search(r'name="version" value="(\d+)"', visitor.get(f"/c/{key}/manage").text)[1]
