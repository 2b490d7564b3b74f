"""A program at the doors of /v1: sends JSON as clients do, and reads what comes."""

import json

BASE = "https://localhost"


class Program:
    """Sends JSON as a client does; `headers` go with every request."""

    def __init__(self, app, **headers):
        self.http, self.headers = app.test_client(), headers

    def post(self, path, body=None, *, data=None, headers=None, content_type="application/json"):
        return self.http.post(
            f"/v1/{path}", data=json.dumps(body) if data is None else data, content_type=content_type, base_url=BASE,
            headers={**self.headers, **(headers or {})},
        )

    def chat(self, *messages, headers=None, **parameters):
        """Texts are user messages."""
        told = [{"role": "user", "content": message} if isinstance(message, str) else message for message in messages]
        return self.post("chat/completions", {"model": "llama", "messages": told, **parameters}, headers=headers)

    def complete(self, prompt, **parameters):
        return self.post("completions", {"model": "llama", "prompt": prompt, **parameters})


def events(response):
    """The chunks of a stream, without the [DONE] that must stand at its end."""
    assert response.mimetype == "text/event-stream"
    lines = [line for line in response.text.split("\n\n") if line and not line.startswith(":")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def refusal(response, status=400):
    """(parameter, code) of OpenAI's error object."""
    assert response.status_code == status, response.text
    assert response.headers["X-Request-Id"]
    error = response.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"].strip()
    return error["param"], error["code"]
