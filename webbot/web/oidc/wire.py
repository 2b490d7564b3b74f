"""Requests to a provider: within seconds, no redirects, and no answer without end."""

from __future__ import annotations

from time import monotonic
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session

SECONDS = 5.0  # for each request, from its first byte to its last
MOST = 1_048_576  # bytes of an answer
PIECE = 16384


class Wire(OAuth2Session):
    """Authlib's session with limits. Raises requests.RequestException for whatever is not kept."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        until = monotonic() + SECONDS
        request.headers["Accept-Encoding"] = "identity"
        answer = super().send(request, **{**options, "timeout": SECONDS, "stream": True, "allow_redirects": False})
        try:
            answer._content = _read(answer, until)
            answer._content_consumed = True
        finally:
            answer.close()
        return answer


def _read(answer: requests.Response, until: float) -> bytes:
    read = bytearray()
    while piece := _piece(answer):
        read += piece
        if len(read) > MOST:
            raise requests.exceptions.ContentDecodingError(f"an answer of more than {MOST} bytes")
        if monotonic() > until:
            raise requests.exceptions.ReadTimeout(f"no whole answer within {SECONDS:.0f} s")
    return bytes(read)


def _piece(answer: requests.Response) -> bytes:
    """What has come by now; requests itself would wait for more."""
    try:
        return answer.raw.read1(PIECE)
    except Exception as error:  # urllib3's and http.client's, of which there are many
        raise requests.exceptions.ConnectionError(str(error)) from None
