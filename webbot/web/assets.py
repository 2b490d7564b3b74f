"""The page's own files, under an address that names their state: a browser keeps each for good and asks again only when one of
them has changed. Modules name one another by relative addresses, so that they inherit it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Flask, Response

FOR_GOOD = "public, max-age=31536000, immutable"


def install_assets(app: Flask) -> str:
    """Serves the static folder of `app` under its plain address (asked again each time) and under a stamped one (kept for good).
    Returns the stamp, which `url_for("static", filename=..., v=stamp)` puts into an address."""
    stamp = stamp_of(Path(app.static_folder or ""))

    def serve(filename: str, v: str = "") -> Response:
        response = app.send_static_file(filename)
        # Another stamp is that of a page before an update, or of a server beside this one: its file may be another one.
        response.headers["Cache-Control"] = FOR_GOOD if v == stamp else "no-cache"
        return response

    app.view_functions["static"] = serve
    app.add_url_rule(f"{app.static_url_path}/v/<v>/<path:filename>", endpoint="static", view_func=serve)
    return stamp


def stamp_of(folder: Path) -> str:
    """What all files in `folder` are, in a few letters; a stranger learns no version from it."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        found.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return found.hexdigest()[:12]
