"""The import table of docs/architecture.md, held over every import of the package, the lazy ones included."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A room may import rooms of lower tiers only. Rooms of one tier are blind to each other unless a pair is listed below.
TIERS = [
    ["__main__"],
    ["cli"],
    ["bench_command", "doctor", "manual", "models_command", "people_command", "server", "store_command", "terminal"],
    ["webprocess", "banner"],
    ["factory"],
    ["web"],
    ["services"],
    ["shared"],
    ["makers"],
    ["chat", "models", "people"],
    ["engines", "speech", "store"],
    ["memory", "auth", "tokens", "safety", "local_socket", "certs", "modelhost", "exchange", "reply", "folder", "documents",
     "relay", "transfer"],
    ["channel", "addresses", "authority", "connection", "forwarding", "issuer", "progress", "surroundings"],
    ["settings", "errors", "messages", "metrics", "logs", "news", "values"],
]
WITHIN_A_TIER = {("doctor", "server"), ("settings", "errors"), ("news", "messages")}
ONLY_THERE = {
    "flask": {"factory", "web"},
    "flask_babel": {"factory", "web"},
    "flask_session": {"factory", "web"},
    "flask_openapi3": {"factory", "web"},
    "pydantic": {"web"},
    "llguidance": {"engines.worker", "engines.llama"},
    "torch": {"engines.worker", "engines.llama", "engines.compute", "engines.bench", "engines.embedding_model", "speech.worker",
              "speech.openai_whisper", "speech.checkpoint", "speech.convert", "speech.torch_whisper", "speech.words"},
    "transformers": {"engines.worker", "engines.llama", "engines.compute", "engines.bench", "engines.embedding_model"},
    "triton": {"engines.compute.kernels"},
    "whisper": {"speech.openai_whisper", "speech.checkpoint", "speech.convert", "speech.torch_whisper", "speech.words",
                "speech.tokenizer"},
    "xllamacpp": {"engines.gguf_worker", "engines.llama_cpp"},
    "ctranslate2": {"speech.ctranslate2_whisper", "speech.convert"},
    "httpcore2": {"engines.remotes.wire"},
    "sqlalchemy": {
        "store.sql", "store.migrations", *(f"store.sql_{noun}" for noun in (
            "branches", "conversations", "database", "entries", "files", "handing", "index", "messages", "migrations", "postgres",
            "records", "rows", "schema", "search", "sessions", "settling", "shares", "transactions", "trees", "turns", "verify",
        )),
    },
    "redis": {"store.redis_connections", "store.redis_server", "store.redis_trouble", "relay"},
    "psycopg": {"store.sql_postgres"},
    "alembic": {"store.sql_migrations", "store.migrations"},
    "pypdf": {"documents"},
    "jwt": {"tokens"},
    "webauthn": {"people.passkeys"},
    "authlib": {"web.oidc"},
    "joserfc": {"web.oidc"},
    "wsproto": {"web.socket"},
    "gunicorn": {"server", "webprocess"},
    "gevent": {"webprocess", "connection"},
}


def modules():
    for path in sorted((ROOT / "webbot").rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / "webbot").with_suffix("").parts).removesuffix(".__init__")
        yield name if name != "__init__" else "", path


@cache
def imports(path):
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def tier(room):
    return next((number for number, rooms in enumerate(TIERS) if room in rooms), None)


def room_of(imported):
    parts = imported.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "webbot" and parts[1] != "__version__" else None


def test_rooms_import_downwards_only():
    wrong = []
    for name, path in modules():
        room = name.split(".")[0]
        if not room:
            continue
        assert tier(room) is not None, f"{room} is in no tier: add it to the table here and in docs/architecture.md"
        for imported in imports(path):
            other = room_of(imported)
            if other is None or other == room or (room, other) in WITHIN_A_TIER:
                continue
            if tier(other) is None or tier(other) <= tier(room):
                wrong.append(f"{name} imports {imported}")
    assert not wrong


@pytest.mark.parametrize("package", ONLY_THERE)
def test_heavy_packages_stay_in_their_rooms(package):
    allowed = ONLY_THERE[package]
    wrong = [
        f"{name} imports {imported}"
        for name, path in modules()
        for imported in imports(path)
        if imported.split(".")[0] == package and not any(name == room or name.startswith(f"{room}.") for room in allowed)
    ]
    assert not wrong


def test_only_settings_reads_the_environment():
    readers = [name for name, path in modules() if "os.environ" in path.read_text() or "os.getenv" in path.read_text()]
    assert [name for name in readers if name not in ("settings",)] == []
    assert [name for name, path in modules() if "webbot.settings.environment" in imports(path)] == ["surroundings"]
    assert [name for name, path in modules() if "settings.environment(" in path.read_text()] == []


def test_the_web_process_imports_no_model_library():
    program = (
        "import sys, webbot.factory, webbot.services, webbot.server\n"
        "print(sorted({'torch', 'transformers', 'whisper', 'tokenizers', 'torchaudio'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_no_room_is_a_knot():
    """No import cycles among modules."""
    graph = {}
    names = {name for name, _ in modules()}
    for name, path in modules():
        found = set()
        for imported in imports(path):
            parts = imported.removeprefix("webbot.").split(".")
            if imported.startswith("webbot."):
                found |= {".".join(parts[:n]) for n in (len(parts), len(parts) - 1) if ".".join(parts[:n]) in names}
        graph[name] = found - {name, ""}
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path, name])
        if name in done:
            return
        path.append(name)
        for other in graph[name]:
            if not name.startswith(other + "."):  # a package's own __init__ may gather its modules
                visit(other)
        path.pop()
        done.add(name)

    for name in graph:
        visit(name)
