"""A small application on webbot's real server, for tests of the server alone: `python small_server.py JSON`.

The JSON holds settings, and under "deadlines" seconds or numbers to put in place of those in webbot/connection.py and
webbot/webprocess.py, so that a test does not wait half a minute.
"""

import json
import sys
import time
from pathlib import Path

from webbot import certs, connection, server, settings, webprocess
from webbot.errors import Unusable


def make_app(chosen):
    from flask import Flask, Response, request

    from webbot.web.phone import create_phone_app

    if chosen.model == "broken":
        raise Unusable("The application cannot be built.")
    app = Flask("small")
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    closing = []

    @app.get("/")
    def page():
        return "hello"

    @app.get("/seen")
    def seen():
        return dict(request.headers)

    @app.post("/upload")
    def upload():
        return str(len(request.get_data()))

    @app.get("/count")
    def count():
        def numbers():
            for number in range(600):
                if closing:
                    yield "the end\n"
                    return
                yield f"{number}\n"
                time.sleep(0.1)

        return Response(numbers(), mimetype="text/plain")

    @app.get("/flood")
    def flood():
        return Response((b"x" * 65536 for _ in range(4000)), mimetype="text/plain")

    plain = {chosen.lan_port: create_phone_app(chosen)} if chosen.lan else {}
    return webprocess.Apps(app, plain, lambda: closing.append(True))


def main():
    given = json.loads(sys.argv[1])
    for name, value in given.pop("deadlines", {}).items():
        for module in (connection, webprocess):
            if hasattr(module, name):
                setattr(module, name, value)
    values = {name: Path(value) if name in ("certs", "data") else value for name, value in given.items()}
    chosen = settings.load({}, **values)
    server.run(chosen, make_app=make_app, announce=lambda chosen: print(certs.__name__, flush=True))


if __name__ == "__main__":
    main()
