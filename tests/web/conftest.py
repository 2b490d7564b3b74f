"""The real application over the echo engine and a database of its own."""

from functools import cache

import pytest
from flask_openapi3 import utils
from jinja2 import FileSystemBytecodeCache

from tests.web.house import Belongings
from webbot.factory import create_app
from webbot.services import Services
from webbot.settings import load


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory):
    """Templates are compiled once for all applications of a session."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="session")
def described_models():
    """Schemas of models are made once for all applications of a session: they are four fifths of what an application costs."""
    make = utils.get_model_schema
    utils.get_model_schema = cache(make)
    yield
    utils.get_model_schema = make


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory, compiled_templates, described_models):
    """As make_app, for all tests of a module: each visitor has conversations of its own."""
    opened = []

    def make(**settings):
        folder = tmp_path_factory.mktemp("shared")
        given = {"engine": "echo", "speech": False, "data": folder / "data", "certs": folder / "certs", "rate_limit": 10_000}
        services = Services.open(load({}, **given, **settings))
        opened.append(services)
        app = create_app(services)
        app.extensions["services"] = services
        app.jinja_env.bytecode_cache = compiled_templates
        return app

    yield make
    for services in opened:
        services.close()


@pytest.fixture
def make_app(tmp_path, compiled_templates, described_models):
    """Opens services and makes their application; settings by keyword."""
    opened = []

    def make(**settings):
        given = {"engine": "echo", "speech": False, "data": tmp_path / "data", "certs": tmp_path / "certs", **settings}
        services = Services.open(load({}, **given))
        opened.append(services)
        app = create_app(services)
        app.extensions["services"] = services
        app.jinja_env.bytecode_cache = compiled_templates
        return app

    yield make
    for services in opened:
        services.close()


@pytest.fixture
def app(make_app):
    return make_app()


@pytest.fixture
def services(app):
    return app.extensions["services"]


@pytest.fixture
def visitor(app):
    """Makes browsers without script: each has its own cookies."""

    return app.test_client


@pytest.fixture
def ann(visitor):
    return visitor()


@pytest.fixture
def bob(visitor):
    return visitor()


# of modules that have a `house`, a server with persons


@pytest.fixture(scope="module")
def alice(house):
    """The owner, with one thing of every kind."""
    return Belongings(house, house.person("Alice", "owner"))


@pytest.fixture(scope="module")
def browser(house, alice):
    """Hers."""
    return house.client(alice.person)
