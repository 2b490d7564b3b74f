"""An app that only draws the templates, over a made-up view model: for tests of the page that need no server."""

from __future__ import annotations

from typing import Any

from flask import Flask, render_template, request
from flask_babel import Babel, get_locale

from webbot.settings import ROOT
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
        "spoken": {}, "usage": None, "seen": True,
    } | more


def turn(number: int, question: str, answer: str | None, *, seen: bool = True, last: bool = False, **more: Any) -> dict[str, Any]:
    spoken = more.pop("spoken", {})
    said = None if answer is None else message(number + 1, answer, "assistant", seen=seen, **more)
    return {"question": message(number, question, seen=seen, spoken=spoken), "answer": said, "last": last}


def turns() -> list[dict[str, Any]]:
    usage = {"answer_tokens": 84, "seconds": 1.24}
    spoken = {"language": "en", "language_name": "English", "seconds": 2.14, "took": 0.41}
    return [
        turn(1, "My name is Lisa and I have a dog called Rex.", "Nice to meet you, Lisa. Rex is a fine name.", seen=False),
        turn(3, "List the first planets as a table", TABLE, usage=usage),
        turn(5, "Write Python that prints the first seven squares", PYTHON, usage=usage),
        turn(7, "A story, please", "Deep in a library lived a", status="stopped"),
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
    if kind == "unreachable":
        offer |= {"possible": False, "reason": "No model hub can be reached from here."}
    if kind in ("coming", "failed"):
        coming = {
            "name": "Llama 3.2 1B", "progress": 0.42, "sentence": "", "failed": kind == "failed",
        }
    if kind == "failed" and coming:
        coming["sentence"] = "The download of Llama 3.2 1B broke off: the disk is full."
    speech = {"name": "base", "status": "ready", "progress": None, "sentence": "", "starter": False, "enabled": True}
    return {"answering": answering, "coming": coming, "offer": offer if starter else None, "speech": speech}


def view(kind: str = "talk") -> dict[str, Any]:
    """What the server passes to talk.html."""
    memory = {
        "context": 8192, "role": 120, "memory": 4310, "question": 14, "reserve": 3748, "memory_limit": 6024, "first": 3,
    }
    titles = [("c1", "A dragon in the library", True), ("c2", "Capitals of the north", False), ("c3", "Squares <in> C", False)]
    groups = [
        {"heading": "Pinned", "items": [{"id": "c0", "title": "Shopping for Saturday", "pinned": True, "running": False}]},
        {"heading": "Today", "items": [{"id": i, "title": t, "pinned": False, "running": r} for i, t, r in titles]},
    ]
    roles = [
        {"key": "friendly", "title": "Friendly", "description": text_html("Helpful and to the point."), "prompt": "You help."},
        {"key": "socrates", "title": "Socrates", "description": text_html("Asks back."), "prompt": "You ask."},
    ]
    talking = kind != "welcome"
    conversation = {
        "id": "c1", "title": "A dragon in the library", "role": "You help.", "role_name": "Friendly", "speaks": False,
        "markup": "markdown", "pinned": False,
    }
    return {
        "conversation": conversation if talking else None, "current": "c1" if talking else None, "search": "",
        "conversations": groups if talking else [], "turns": turns() if talking else [], "edge": "u3" if talking else None,
        "memory": memory if talking else None, "earlier": "/c/c1?before=1" if talking else None, "trouble": None, "draft": "",
        "roles": roles, "default_role": "You help.", "models": models("starter" if kind == "welcome" else "ready"),
        "welcome": text_html("h2. What is on your mind?\n\nEverything you say stays on this server."),
        "tries": ["What is the capital of France?", "Tell me a story about a dragon", "Write Python that prints ten squares"],
        "limits": {"upload_mb": 64, "audio_seconds": 600, "question_bytes": 65536},
        "help": text_html("h2. Talking\n\nPress the microphone."),
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
        return render_template(name, **shown, status=404, sentence="There is nothing here.", request_id="0123456789abcdef")

    @app.after_request
    def strict(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
            "manifest-src 'self'; form-action 'self'; base-uri 'none'"
        )
        return response

    return app
