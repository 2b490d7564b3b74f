"""An app that only draws the templates, over a made-up view model: for tests of the page that need no server."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, request
from flask_babel import Babel, get_locale

from webbot.settings import ROOT
from webbot.web.drawn import drawn
from webbot.web.render import answer_html, question_html, text_html

PYTHON = """Here it is:

```python
# the first squares
for number in range(1, 8):
    print(f"{number} squared is {number * number}, and this line is long enough to be scrolled sideways on a phone")
```

It uses `range`, and $\\sum_{n=1}^{7} n^2 = 140$:

$$\\int_0^1 x^2\\,dx = \\frac{1}{3}$$
"""
TABLE = """Sure:

| No. | Planet | Kind | Moons |
|----:|--------|------|:-----:|
| 1 | Mercury | rocky | none |
| 2 | Venus | rocky | none |
| 3 | Earth | rocky | one |

1. Mercury is *small*.
2. Venus is **hot**.

> Earth is where you are.
"""


def message(number: int, text: str, role: str = "user", **more: Any) -> dict[str, Any]:
    html = question_html(text) if role == "user" else answer_html(text)
    return {
        "id": f"{role[0]}{number}", "number": number, "html": html, "text": text, "status": "complete", "error": "",
        "spoken": {}, "usage": None, "seen": True, "pinned": False, "feedback": "", "versions": None,
        "goes_on": more.get("status") in ("stopped", "failed") and bool(text),
    } | more


def turn(number: int, question: str, answer: str | None, *, seen: bool = True, last: bool = False, **more: Any) -> dict[str, Any]:
    spoken, pinned = more.pop("spoken", {}), more.pop("pinned", False)
    versions = more.pop("question_versions", None)
    said = None if answer is None else message(number + 1, answer, "assistant", seen=seen, **more)
    asked = message(number, question, seen=seen, spoken=spoken, pinned=pinned, versions=versions)
    return {"question": asked, "answer": said, "last": last, "pinned": pinned}


def turns() -> list[dict[str, Any]]:
    usage = {"answer_tokens": 84, "seconds": 1.24}
    spoken = {"language": "en", "language_name": "English", "seconds": 2.14, "took": 0.41}
    return [
        turn(1, "My name is Lisa and I have a dog called Rex.", "Nice to meet you, Lisa. Rex is a fine name.", seen=False),
        turn(3, "List the first planets as a table", TABLE, usage=usage, pinned=True),
        turn(5, "Write Python that prints the first seven squares", PYTHON, usage=usage, feedback="up",
             versions={"number": 2, "count": 3, "previous": "a61", "next": "a63"}),
        turn(7, "A story, please", "Deep in a library lived a", status="stopped",
             question_versions={"number": 2, "count": 2, "previous": "u70", "next": ""}),
        turn(9, "And now?", "", status="failed", error="The server stopped in the middle of this answer."),
        turn(11, "What is the capital of France?", "Paris is the capital of France.", spoken=spoken, usage=usage, last=True),
    ]


def models(kind: str = "ready") -> dict[str, Any]:
    starter = kind not in ("ready", "loading")
    answering = {
        "name": "starter" if starter else "Llama-3.2-1B-Instruct", "status": "ready", "progress": None, "sentence": "",
        "starter": starter,
    }
    if kind == "loading":
        answering |= {"status": "loading", "progress": 0.42}
    offer = {"name": "llama-3.2-1b", "title": "Llama 3.2 1B", "size": "2.5 GB", "possible": True, "reason": ""}
    coming = None
    if kind == "gone":
        answering |= {"name": "phi-4", "status": "failed", "starter": False}
    if kind == "several":
        answering |= {"name": "gpt-4o-mini", "starter": False}
    if kind == "unreachable":
        offer |= {"possible": False, "reason": "No model hub can be reached from here."}
    if kind in ("coming", "failed"):
        coming = {
            "name": "Llama 3.2 1B", "progress": 0.42, "sentence": "", "failed": kind == "failed",
        }
    if kind == "failed" and coming:
        coming["sentence"] = "The download of Llama 3.2 1B broke off: the disk is full."
    speech = {"name": "base", "status": "ready", "progress": None, "sentence": "", "starter": False, "enabled": True}
    return {
        "answering": answering, "coming": coming, "offer": offer if answering["starter"] else None, "speech": speech,
        "menu": menu(kind),
    }


def menu(kind: str) -> dict[str, Any]:
    """The choice of a conversation: several models, or the one that it had is gone."""
    items = [row(name) for name in ("llama-3.2-1b", "llama-3.2-3b-q4_k_m", "gpt-4o-mini")]
    chosen = {"several": "gpt-4o-mini", "gone": "phi-4"}.get(kind, "")
    shown = items if chosen else items[:1]
    return {"items": shown, "chosen": chosen, "gone": kind == "gone", "default": "Llama 3.2 1B", "open": len(shown) > 1}


def row(name: str) -> dict[str, Any]:
    """A model as the owner's list shows it."""
    plain = {
        "kind": "local", "status": "ready", "progress": None, "sentence": "", "size": 2_488_000_000, "memory": 0, "needs": 0,
        "context": 0, "serves": False, "starter": False, "possible": True, "reason": "", "removable": False, "host": "",
        "wanted": False, "can": set(),
    }
    rows = {
        "llama-3.2-1b": {"serves": True, "memory": 2_710_000_000, "context": 8192, "can": {"unload"}},
        "llama-3.2-3b": {
            "status": "coming", "progress": 0.42, "sentence": "Downloading the model.", "size": 6_443_000_000,
            "needs": 7_000_000_000, "can": {"cancel"},
        },
        "llama-3.2-3b-q4_k_m": {
            "kind": "gguf", "status": "sleeping", "size": 2_020_000_000, "needs": 2_400_000_000, "removable": True,
            "can": {"use", "remove"},
        },
        "llama-3.3-70b": {
            "status": "absent", "size": 141_000_000_000, "needs": 142_000_000_000, "possible": False,
            "reason": "Llama 3.3 70B needs 142.0 GB of memory; there are 15.6 GB.",
        },
        "qwen3-8b": {"status": "absent", "size": 0, "can": {"use", "pull"}},
        "gpt-4o-mini": {"kind": "remote", "size": 0, "host": "api.openai.com", "can": {"use"}},
        "broken": {
            "kind": "gguf", "status": "failed", "sentence": "The file is cut off: 12 of 30 tensors are missing.",
            "can": {"use", "unload"},
        },
        "starter": {"status": "loading", "progress": 0.3, "size": 9_000_000, "starter": True, "can": {"unload"}},
        "whisper-base": {"kind": "speech", "serves": True, "size": 145_000_000, "memory": 410_000_000},
        "whisper-small": {"kind": "speech", "status": "absent", "size": 483_000_000, "can": {"use", "pull"}},
    }
    title = name.replace("-", " ").replace("llama", "Llama")
    return {"name": name, "title": title, "key": f"model-{name.replace('.', '-')}", **plain, **rows[name]}


def page(kind: str) -> dict[str, Any]:
    """What the server passes to models.html: kind "empty", "failed" or everything."""
    names = (
        "llama-3.2-1b", "llama-3.2-3b-q4_k_m", "llama-3.2-3b", "qwen3-8b", "llama-3.3-70b", "gpt-4o-mini", "broken", "starter",
    )
    coming = {"name": "Llama 3.2 3B", "progress": 0.42, "sentence": "", "failed": False}
    if kind == "failed":
        coming |= {"failed": True, "sentence": "The disk is too full for the model: it needs 6.4 GB."}
    return {
        "language": [] if kind == "empty" else [row(name) for name in names],
        "speech": [] if kind == "empty" else [row(name) for name in ("whisper-base", "whisper-small")],
        "memory": None if kind == "empty" else {
            "total": 15_600_000_000, "free": 9_000_000_000, "held": 3_120_000_000, "what": "memory", "limited": False,
        },
        "coming": [] if kind == "empty" else [coming], "moving": kind != "empty", "offline": kind == "empty",
    }


def role(key: str, place: str = "box", **more: Any) -> dict[str, Any]:
    """One as the pages offer it."""
    plain = {"title": key.title(), "description": "Asks <back>.", "prompt": "You ask.", "mark": key, "by": ""}
    return {"key": key, "place": place, "openings": ["What's <new>?", '"Why"?'], "shared": False, "version": 1, **plain, **more}


def view(kind: str = "talk") -> dict[str, Any]:
    """What the server passes to talk.html."""
    memory = {
        "context": 8192, "role": 120, "files": 500, "pinned": 300, "memory": 4310, "question": 14, "reserve": 2948,
        "memory_limit": 6024, "held_limit": 3012, "first": 3,
    }
    files = [
        {"id": "f1", "name": "notes <about> the north.md", "size": 61_440, "picture": False, "small": True, "seen": 500,
         "whole": 15_360},
        {"id": "f2", "name": "list.txt", "size": 900, "picture": False, "small": True, "seen": 120, "whole": 120},
        {"id": "f3", "name": "view.png", "size": 120_000, "picture": True, "small": True, "seen": 0, "whole": 0},
    ]
    titles = [("c1", "A dragon in the library", True), ("c2", "Capitals of the north", False), ("c3", "Squares <in> C", False)]
    groups = [
        {"heading": "Pinned", "items": [{"id": "c0", "title": "Shopping for Saturday", "pinned": True, "running": False}]},
        {"heading": "Today", "items": [{"id": i, "title": t, "pinned": False, "running": r} for i, t, r in titles]},
    ]
    roles = {
        "box": [role("friendly", description=text_html("Helpful and to the point."), prompt="You help."), role("socrates")],
        "own": [role("r-1", "own", title="Cook <b>", shared=True)],
        "shared": [role("r-2", "shared", by="Ann & Bob"), role("r-3", "shared")],
    }
    talking = kind != "welcome"
    conversation = {
        "id": "c1", "title": "A dragon in the library", "role": "You help.", "role_name": "Friendly", "speaks": False,
        "markup": "markdown", "pinned": False, "version": 7,
    }
    return {
        "conversation": conversation if talking else None, "current": "c1" if talking else None, "search": "",
        "conversations": {"groups": groups if talking else [], "more": None, "newer": None, "titles_only": False},
        "turns": turns() if talking else [], "edge": "u3" if talking else None, "first": 3, "older": False,
        "files": files if talking else [], "place": "a12.30" if talking else "",
        "memory": memory if talking else None, "earlier": "/c/c1?before=1" if talking else None, "trouble": None, "draft": "",
        "roles": roles, "first_role": None if talking else roles["box"][0], "role": roles["own"][0],
        "typed": roles["own"][0], "role_mark": "friendly", "models": models("starter" if kind == "welcome" else "ready"),
        "welcome": text_html("h2. What is on your mind?\n\nWrite, or press the microphone and talk."),
        "tries": ["What is the capital of France?", "Tell me a story about a dragon", "Write Python that prints ten squares"],
        "limits": {"upload_mb": 64, "audio_seconds": 600, "question_bytes": 65536, "file_mb": 16},
        "help": text_html("h2. Talking\n\nPress the microphone."),
    }


def settings(kind: str) -> dict[str, Any]:
    """What the server passes to preferences.html and owner.html: without persons, or for the kind "person" with everything."""
    chosen = {"language": "", "role": "socrates", "speaks": "on", "speech_language": "zh"}
    server: dict[str, Any] = {
        "chosen": chosen, "typed": {}, "where": "", "about": "", "mode": "open", "account": None, "people": None,
        "role_choices": [("friendly", "Friendly"), ("socrates", "Socrates <of Athens>")], "invitations": None,
        "spoken": [("en", "English"), ("zh", "Chinese")], "barred": [], "standard": {"turns": 0, "tokens": 20_000},
        "loaded": [row("llama-3.2-1b"), row("starter")], "memory": page("")["memory"],
        "queue": {"working": 2, "waiting": 1, "parallel": 8, "most": 64, "most_of_one": 8},
        "storage": {"kind": "SQLite", "at": "sqlite:////data/webbot.db", "size": 4_000_000, "free": 9_000_000_000,
                    "models": 2_488_000_000, "folder": "/models", "conversations": 12},
        "certificate": None, "looking": False, "looked": "2 minutes ago", "findings": [
            {"kind": "problem", "rank": 0, "what": "Store", "remedy": "Run: chmod 600 <it>"},
            {"kind": "well", "rank": 2, "what": "Python 3.11", "remedy": ""},
        ],
    }
    return server | (of_a_person() if kind == "person" else {})


def of_a_person() -> dict[str, Any]:
    """What these pages show where there are persons."""
    address = "https://localhost/join/abc"
    person = {
        "id": "p-1", "name": "Lisa <Müller>", "email": "lisa@example.org", "rank": "member", "since": "Nov 3, 2026",
        "seen": "just now", "devices": ["Firefox on Linux"], "keys": 1, "conversations": 3, "tokens": 1234, "turns_a_minute": 5,
        "tokens_a_day": None, "me": False,
    }
    key = {"id": "k1", "name": "my <editor>", "shown": "wb-abcdef", "scopes": ("chat", "speech"), "used": "", "ends": ""}
    devices = [{"id": "d1", "name": "Firefox on Linux", "seen": "just now", "here": True},
               {"id": "d2", "name": "Safari on iPhone", "seen": "2 days ago", "here": False}]
    account = {
        "name": "Lisa <Müller>", "email": "", "rank": "member", "passkeys": False, "keys": [key], "scopes": ["chat", "speech"],
        "devices": devices, "links": True, "turns": 5, "tokens": 20_000, "used": 1234, "own_certificate": False,
    }
    return {
        "mode": "invite", "account": account, "people": [person, person | {"id": "p-2", "rank": "owner", "me": True}],
        "link": {"address": address, "drawn": drawn(address), "name": "Theo", "ends": ""}, "barred": [("p-3", "Eve <x>")],
        "made": {"secret": "wb-secret", "name": "my <editor>", "scopes": ("chat",)}, "findings": [], "looking": True,
        "invitations": [{"id": "i1", "name": "Theo", "rank": "owner", "ends": "in a week"}],
        "certificate": {"names": ("localhost", "::1"), "ends": "Dec 1, 2027", "left": "in a year", "own": False},
    }


def drawing_app() -> Flask:
    """GET /<template>?kind=talk&language=en&theme=auto&models=ready"""
    app = Flask("webbot", template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "static"))
    app.secret_key = "for drawing only"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(ROOT / "webbot" / "translations")
    Babel(app, locale_selector=lambda: request.args.get("language", "en"))

    @app.context_processor
    def every_page() -> dict[str, Any]:
        return {"locale": str(get_locale()), "theme": request.args.get("theme", "auto"), "version": "0", "protected": False}

    @app.get("/<name>")
    def draw(name: str) -> str:
        shown = view(request.args.get("kind", "talk"))
        if "models" in request.args:
            shown["models"] = models(request.args["models"])
        if "trouble" in request.args:
            shown["trouble"] = request.args["trouble"]
        if "cut" in request.args:
            shown["turns"][-1]["answer"] |= {"status": "stopped", "goes_on": True}
        if "preparing" in request.args:
            shown["turns"][-1]["answer"] |= {
                "status": "streaming", "text": "", "html": "",
                "preparing": {"name": "Llama 3.2 3B", "progress": 0.4, "sentence": "Loading the weights."},
            }
        if "queued" in request.args:
            queued = {"before": int(request.args["queued"]), "seconds": 12}
            shown["turns"][-1]["answer"] |= {"status": "streaming", "text": "", "html": "", "queued": queued}
        if name in ("preferences.html", "owner.html"):
            shown |= settings(request.args.get("kind", ""))
        shown["page"] = page(request.args.get("kind", ""))
        shown["here"] = "/c/c1"
        return render_template(name, **shown, status=404, sentence="There is nothing here.", request_id="0123456789abcdef")

    @app.after_request
    def strict(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
            "manifest-src 'self'; form-action 'self'; base-uri 'none'"
        )
        return response

    return app
