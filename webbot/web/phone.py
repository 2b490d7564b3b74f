"""The help page for phones, over plain HTTP: the only thing it gives away is the certificate of the authority, which is public.

No cookies, no forms, no access code, no link of an invitation: whoever listens in the network learns nothing. It exists because
a phone must get the certificate before it can trust the HTTPS pages.
"""

from __future__ import annotations

import segno
from flask import Flask, Response, abort, render_template
from flask_babel import Babel
from markupsafe import Markup
from werkzeug.exceptions import HTTPException

from webbot.addresses import in_url, lan_addresses, lan_names
from webbot.settings import ROOT, Settings
from webbot.web.languages import page_language
from webbot.web.reachable import CERTIFICATE, opened_by

HEADERS = {
    "Content-Security-Policy":
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_phone_app(settings: Settings) -> Flask:
    """The page at /, the certificate beside it, and nothing else."""
    app = Flask("webbot", template_folder=str(ROOT / "templates"), static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1024
    Babel(app, locale_selector=lambda: page_language("", settings.language))
    authority = settings.certs / "ca.pem"
    own = bool(settings.certificate)

    @app.get("/")
    def page() -> str:
        ours = [*lan_addresses(), *lan_names(), "localhost", "127.0.0.1", *settings.hosts]
        address = f"https://{in_url(opened_by(ours))}:{settings.port}/"
        # Black on white in every theme: cameras read nothing else.
        code = segno.make(address, micro=False).svg_inline(scale=6, border=3, dark="black", light="white", omitsize=True)
        language = page_language("", settings.language)
        return render_template(
            "phone.html", address=address, code=Markup(code), file=CERTIFICATE, own=own, language=language,  # noqa: S704
            mode=settings.mode,
        )

    @app.get(f"/{CERTIFICATE}")
    def certificate() -> Response:
        if own or not authority.exists():
            abort(404)
        disposition = {"Content-Disposition": f"attachment; filename={CERTIFICATE}"}
        return Response(authority.read_bytes(), content_type="application/x-x509-ca-cert", headers=disposition)

    @app.get("/phone.css")
    def style() -> Response:
        return Response((ROOT / "static" / "phone.css").read_bytes(), content_type="text/css; charset=utf-8")

    @app.errorhandler(HTTPException)
    def refusal(error: HTTPException) -> Response:
        return Response(f"{error.name}\n", error.code, content_type="text/plain; charset=utf-8")

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return app
