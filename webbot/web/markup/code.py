"""Program text as coloured HTML. Knows Pygments; the colours are static/css/code.css.

Pygments is made of regular expressions that others wrote: only well-known languages are coloured, only so much of a
text, and only for so long; the rest is shown plain.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name

from webbot.web.markup.colours import colour_class

MOST_COLOURED = 65_536  # characters of one block
MOST_SECONDS = 0.5  # for the colours of one block

LANGUAGES = frozenset(
    # one a word, as Pygments calls them
    """
    ada apacheconf awk bash bat c clojure cmake console cpp csharp css cuda d dart diff docker elixir elm erlang fortran
    fsharp go graphql groovy haskell html ini java javascript json julia kotlin latex llvm lua make matlab nasm nginx nim nix
    objective-c ocaml octave pascal perl php postgresql powershell prolog properties protobuf pycon python r ruby rust scala
    scheme scss sql swift tcl terraform toml typescript verilog vhdl vim xml yaml zig
    """.split(),  # noqa: SIM905
)
OTHER_NAMES = {
    "c#": "csharp", "c++": "cpp", "cc": "cpp", "cs": "csharp", "dockerfile": "docker", "f#": "fsharp", "golang": "go",
    "h": "c", "hpp": "cpp", "hs": "haskell", "htm": "html", "ipython": "python", "js": "javascript", "json5": "json",
    "jsonc": "json", "jsx": "javascript", "kt": "kotlin", "makefile": "make", "mjs": "javascript", "mysql": "sql",
    "node": "javascript", "objc": "objective-c", "patch": "diff", "pl": "perl", "ps1": "powershell", "py": "python",
    "py3": "python", "python3": "python", "rb": "ruby", "rs": "rust", "sh": "bash", "shell": "bash",
    "shell-session": "console", "sqlite": "sql", "svg": "xml", "tex": "latex", "ts": "typescript", "tsx": "typescript",
    "yml": "yaml", "zsh": "bash",
}


def code_block(source: str, info: str = "", most: int = MOST_COLOURED) -> str:
    """A block of code with a header: its language and a button to copy it (which needs the page's script)."""
    name = re.sub(r"[^\w+#.-].*", "", info.strip(), flags=re.DOTALL)[:30]
    source = source.removesuffix("\n")
    return (
        f'<pre><header><span>{escape(name)}</span><button type="button" data-copy>Copy</button></header>'
        f"<code>{coloured(source, name, most)}</code></pre>\n"
    )


def coloured(source: str, language: str, most: int = MOST_COLOURED) -> str:
    """`source` escaped, with the words of its first `most` characters in classed spans where `language` is known."""
    lexer = _lexer(language.lower())
    if lexer is None:
        return escape(source, quote=False)
    head, rest = source[:most], source[most:]
    parts: list[str] = []
    done, open_class = 0, ""
    until = time.monotonic() + MOST_SECONDS
    for number, (start, kind, value) in enumerate(lexer.get_tokens_unprocessed(head)):
        if number % 512 == 511 and time.monotonic() > until:
            break
        if start != done or not value:
            continue
        name = colour_class(kind)
        if name != open_class and not (value.isspace() and open_class != "s"):
            parts.append(("</span>" if open_class else "") + (f'<span class="{name}">' if name else ""))
            open_class = name
        parts.append(escape(value, quote=False))
        done = start + len(value)
    if open_class:
        parts.append("</span>")
    return "".join(parts) + escape(head[done:] + rest, quote=False)


@lru_cache(maxsize=128)
def _lexer(language: str) -> Lexer | None:
    name = OTHER_NAMES.get(language, language)
    return get_lexer_by_name(name) if name in LANGUAGES else None
