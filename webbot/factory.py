"""Makes the web application of opened services: registers the doors, nothing else."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_babel import Babel, get_locale
from flask_openapi3 import Info, OpenAPI

from webbot import __version__
from webbot.local_socket import socket_path
from webbot.services import Services
from webbot.settings import ROOT, Settings
from webbot.web.access import Access
from webbot.web.account import Account
from webbot.web.assets import install_assets
from webbot.web.chain import Chain
from webbot.web.conversations import Conversations
from webbot.web.files import Files
from webbot.web.languages import page_language
from webbot.web.leonid import LEONID_DOOR, Leonid
from webbot.web.leonid_port import create_leonid_app
from webbot.web.library import Library
from webbot.web.models import Models
from webbot.web.oidc import Oidc
from webbot.web.operation import Operation
from webbot.web.owner import Owner
from webbot.web.pages import Pages
from webbot.web.passkeys import PasskeyDoor
from webbot.web.phone import create_phone_app
from webbot.web.preferences import THEMES, preference
from webbot.web.presence import presence
from webbot.web.problems import install_problems
from webbot.web.programs import install_programs
from webbot.web.proxy import WSGI, Arriving
from webbot.web.pybot import PYBOT_DOOR, Pybot
from webbot.web.requests import measure_requests
from webbot.web.sessions import install_sessions
from webbot.web.sharing import Sharing
from webbot.web.signing import Signing
from webbot.web.socratic import SOCRATIC_DOOR, Socratic
from webbot.web.streams import Streams
from webbot.web.texts import Texts
from webbot.web.transfers import Transfers
from webbot.web.turns import Turns
from webbot.web.v1 import V1, V1_DOOR
from webbot.web.v1.problems import ErrorBody
from webbot.web.views import Views
from webbot.web.voice import Voice

FORM_OVERHEAD = 65536  # names, boundaries and the small fields of a form, in bytes


def create_app(services: Services) -> Flask:
    """The WSGI application. `services` stay the caller's to close."""
    settings = services.settings
    app = OpenAPI(
        "webbot", root_path=str(ROOT), template_folder="templates", static_folder="static", doc_ui=False,
        info=Info(title="webbot", version=__version__, description="OpenAI's API over the models of this server"),
        security_schemes={"key": {"type": "http", "scheme": "bearer"}}, validation_error_model=ErrorBody,
        validation_error_status=400,
    )
    app.config.update(
        MAX_CONTENT_LENGTH=settings.max_upload_bytes + FORM_OVERHEAD,
        # A byte of a question takes up to three characters in a form.
        MAX_FORM_MEMORY_SIZE=3 * settings.question_bytes + FORM_OVERHEAD,
        MAX_FORM_PARTS=32,
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "webbot" / "translations"),
        PREFERRED_URL_SCHEME="https",
        PROPAGATE_EXCEPTIONS=False,
        TEMPLATES_AUTO_RELOAD=False,
    )
    stamp = install_assets(app)
    Babel(app, locale_selector=lambda: page_language(preference("language"), settings.language))
    install_sessions(app, services.store, settings.session_days)
    measure_requests(app)
    chain = Chain(settings, services.people, services.access_code)
    app.extensions["people"] = services.people
    Access(app, settings, chain)
    chain.proxy.install(app)
    signing = Signing(services, chain).blueprint
    app.register_blueprint(PasskeyDoor(services, chain, signing).blueprint)
    app.register_blueprint(signing)
    install_problems(app)
    install_programs(app, V1_DOOR, LEONID_DOOR, SOCRATIC_DOOR, PYBOT_DOOR)
    if settings.mode == "oidc":
        oidc = app.extensions["oidc"] = Oidc(services, chain)
        app.register_blueprint(oidc.blueprint)
    texts = Texts(settings.texts)
    services.chat.common = lambda role: role == settings.role or bool(texts.role_key(role))
    views = Views(services, texts)
    pages = Pages(services, texts, views)
    files, account = Files(services, views, pages), Account(services, views)
    for door in (
        pages, files, Turns(services, views, pages, files), Conversations(services, views), Sharing(services),
        Transfers(services, views, account), account, Owner(services, views), Models(services, views), Library(services, views),
        Streams(services, views), Voice(services), Operation(services, views),
    ):
        app.register_blueprint(door.blueprint)
    leonid = app.extensions["leonid"] = Leonid(services)
    app.register_blueprint(leonid.blueprint)
    app.register_blueprint(Socratic(services).blueprint)
    app.register_blueprint(Pybot(services, files).blueprint)
    v1 = V1(services)
    app.register_api(v1.blueprint)
    app.register_blueprint(v1.pages)
    app.context_processor(lambda: _every_page(services, stamp))
    return app


def create_plain_apps(settings: Settings, app: Flask) -> dict[int | str, WSGI]:
    """What is served over plain HTTP beside `app`, by its port or the path of its Unix socket."""
    plain: dict[int | str, WSGI] = {}
    if settings.lan:
        plain[settings.lan_port] = create_phone_app(settings)
    if settings.leonid_port:
        plain[settings.leonid_port] = create_leonid_app(settings, app.extensions["leonid"])
    if settings.proxy_port:
        plain[settings.proxy_port] = Arriving(app, "port")
    if settings.socket:
        plain[socket_path(settings)] = Arriving(app, "socket")
    return plain


def _every_page(services: Services, stamp: str) -> dict[str, Any]:
    theme = preference("theme", "auto")
    return {
        "locale": str(get_locale() or "en"), "theme": theme if theme in THEMES else "auto",
        "protected": bool(services.access_code), "version": stamp,
        "rank": presence().rank,
    }
