"""The command line: `python -m webbot serve`, chat, transcribe, models, store, people, bench, doctor, settings, certs, version.

Every setting is an option. Exit status: 0 well, 1 it did not work (one line says why), 2 wrong use or a wrong setting.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from webbot import __version__, settings
from webbot.errors import Problem, SettingsError
from webbot.settings import PREFIX, ROOT, Settings

SECRET = {row.name for row in settings.table() if row.metadata["secret"]}  # other users of the machine see the command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return given.command(given)
    except SettingsError as problem:
        print(f"webbot: {problem}", file=sys.stderr)
        return 2
    except Problem as problem:
        print(f"webbot: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `... | head`
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="webbot", description="A self-hosted web chat with voice.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    shared = _settings_options()

    def add(name: str, command: Any, text: str, *, with_settings: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text, parents=[shared] if with_settings else [])
        made.set_defaults(command=command)
        return made

    add("serve", serve, "Serve the pages over HTTPS until Ctrl-C.")
    add("chat", chat, "Talk to the language model in this terminal. Nothing is kept.")
    transcribing = add("transcribe", transcribe, "Print the words of a recording.")
    transcribing.add_argument("file", type=Path, help="a recording in any common format")
    _models_options(add("models", models, "List, pull, use, remove and examine models."))
    _store_options(add("store", store, "Copy, back up, restore and check what is kept.", with_settings=False), shared)
    _people_options(add("people", people, "Who uses this server: invite, list and remove people.", with_settings=False), shared)
    _bench_options(add("bench", bench, "Measure how fast a model answers here, against transformers and the limit of the memory.",
                       with_settings=False))
    looking = add("doctor", doctor, "Look at what this machine lacks, and say the remedy.")
    looking.add_argument("--json", action="store_true", help="for programs: a list of {what, remedy, needed}")
    looking.add_argument("--running", action="store_true", help="beside a server that runs: leave its ports and torch alone")
    page = add("settings", show_settings, "Print the page of settings.", with_settings=False)
    page.add_argument("--write", action="store_true", help="write it to docs/settings.md")
    certificates = add("certs", certificate, "Show the certificate, or renew it. A running server takes it over by itself.")
    certificates.add_argument("action", nargs="?", choices=["show", "renew"], default="show")
    add("version", version, "Print the version.", with_settings=False)
    return parser


def _models_options(parser: argparse.ArgumentParser) -> None:
    actions = ["list", "pull", "use", "remove", "info", "load"]
    parser.add_argument("action", nargs="?", choices=actions, default="list", help="load is an older word for pull")
    parser.add_argument("name", nargs="?", help="a name from the list, or of the hub: OWNER/NAME, OWNER/NAME@REVISION; for a "
                        "quantised one OWNER/NAME:Q4_K_M or OWNER/NAME:FILE.gguf")
    parser.add_argument("--json", action="store_true", help="with list and info: for programs")
    parser.add_argument("--yes", action="store_true", help="with remove: do not ask")
    parser.add_argument("--check", action="store_true", help="with info: compare the files with the published hashes")


def _store_options(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION", dest="action")
    form = "as in WEBBOT_STORE; - is the one that is set, @FILE reads it from a file"

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text, parents=[shared])

    copy = add("copy", "Copy everything into another, empty store, and compare.")
    copy.add_argument("source", metavar="FROM", help=f"the store to read, {form}")
    copy.add_argument("target", metavar="TO", help="the empty store to fill")
    save = add("backup", "Save everything in one file, also while the server runs.")
    save.add_argument("file", metavar="FILE", help="the file, or a folder (FOLDER/) in which one gets a name with the time")
    save.add_argument("--from", dest="source", metavar="STORE", default="-", help=f"the store to read, {form}")
    bring = add("restore", "Bring a backup back into an empty store.")
    bring.add_argument("file", type=Path, metavar="FILE", help="what `store backup` wrote")
    bring.add_argument("--to", dest="target", metavar="STORE", default="-", help=f"the store to fill, {form}")
    bring.add_argument("--replace", action="store_true", help="move a SQLite file that is there aside, and keep it")
    look = add("check", "Read everything and say what is damaged; the exit status is 1 then.")
    look.add_argument("store", nargs="?", metavar="STORE", default="-", help=form)


def _people_options(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", help="list, where none is given")
    parser.set_defaults(action="list", json=False, **{f"setting_{row.name}": None for row in settings.table()})

    def add(
        name: str, text: str, *arguments: str, more: str = "", options: argparse.ArgumentParser = shared,
    ) -> argparse.ArgumentParser:
        words = " ".join([*(argument.upper() for argument in arguments), *([more] if more else [])])  # and the settings: too many
        made = actions.add_parser(name, help=text, description=text, parents=[options], conflict_handler="resolve",
                                  usage=f"%(prog)s {words}".rstrip())
        for argument in arguments:
            made.add_argument(argument, metavar=argument.upper())
        return made

    listing = add("list", "Who is here, and who is invited.", more="[--json]")
    listing.add_argument("--json", action="store_true", help="for programs")
    # One of the settings is called owner, too; who is invited has nothing to do with it.
    inviting = add("invite", "Print a link and a QR code that let somebody new in once.", "name", more="[--owner]",
                   options=_settings_options())
    inviting.add_argument("--owner", action="store_true", help="as an owner: the first one, or one more")
    add("link", "Print a link for one more device of somebody, also of an owner who is locked out.", "name")
    add("rename", "Give somebody another name.", "name", "new")
    add("rank", "Make somebody owner or member.", "name", more="owner|member").add_argument("rank", choices=["owner", "member"])
    removing = add("remove", "Remove somebody with everything of theirs, and end what is open for them.", "name", more="[--yes]")
    removing.add_argument("--yes", action="store_true", help="do not ask")
    add("keys", "The API keys of somebody.", "name")
    add("revoke", "Revoke an API key of somebody.", "name", "key")


def _bench_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", dest="setting_model", metavar="NAME-OR-PATH",
                      help="a name from `python -m webbot models`, or a folder; without it the one that answers")
    what.add_argument("--shape", choices=["1b"], help="Llama 3.2 1B's published shape with random weights: nothing is downloaded")
    for name, choices in (("device", ["auto", "cpu", "cuda"]), ("precision", ["auto", "float32", "bfloat16"])):
        parser.add_argument(f"--{name}", dest=f"setting_{name}", choices=choices, help="as the setting of this name")
    parser.add_argument("--threads", dest="setting_threads", metavar="THREADS", help="as the setting of this name")
    parser.add_argument("--weights", dest="setting_weights", choices=["auto", "plain", "int8", "int4"],
                        help="how the engine holds the weights; transformers has them as they are")
    parser.add_argument("--streams", metavar="N,N,...", help="answers at once, such as 1,4,16; 64@1000: with prompts of 1000")
    parser.add_argument("--context", type=int, default=200, metavar="TOKENS", help="tokens of the prompts (200)")
    parser.add_argument("--tokens", type=int, help="tokens that each answer writes (128 on a GPU, 64 on a processor)")
    parser.add_argument("--quick", action="store_true", help="a small run of some seconds, against plain generate only")
    parser.add_argument("--check", action="store_true",
                        help="look first whether tokens, logits and kernels are right; the exit status is 1 if not")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write bench.json, bench.md and bench.svg there")


def _settings_options() -> argparse.ArgumentParser:
    """Each row of the table of settings as an option; only what is given overrides the environment."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("settings", "see docs/settings.md")
    for row in settings.table():
        if row.name in SECRET:
            continue
        sentence = row.metadata["sentence"].replace("%", "%%")
        options: dict[str, Any] = {"dest": f"setting_{row.name}", "default": None, "help": sentence}
        if isinstance(row.default, bool):
            group.add_argument(f"--{row.name.replace('_', '-')}", action=argparse.BooleanOptionalAction, **options)
        else:
            group.add_argument(f"--{row.name.replace('_', '-')}", metavar=row.name.split("_")[-1].upper(), **options)
    return parser


def _settings(given: argparse.Namespace) -> Settings:
    """The environment's settings with those of the command line over them; each is checked in the same way."""
    options = {name.removeprefix("setting_"): value for name, value in vars(given).items()
               if name.startswith("setting_") and value is not None}
    for name in ("model", "gguf"):  # whatever folder a process runs in later; but "starter" is no folder, wherever one stands
        path = Path(options.get(name, "")).expanduser()
        if options.get(name) not in (None, "", "starter") and path.exists():
            options[name] = str(path.resolve())
    checked = settings.load({PREFIX + name.upper(): str(value) for name, value in options.items()})
    return settings.load(**{name: getattr(checked, name) for name in options})


def serve(given: argparse.Namespace) -> int:
    from webbot import banner, server

    server.run(_settings(given), announce=banner.announce)
    return 0


def chat(given: argparse.Namespace) -> int:
    from webbot import terminal

    return terminal.chat(_settings(given))


def transcribe(given: argparse.Namespace) -> int:
    from webbot import terminal

    return terminal.transcribe(_settings(given), given.file)


def models(given: argparse.Namespace) -> int:
    from webbot import models_command

    return models_command.run(given, _settings(given))


def store(given: argparse.Namespace) -> int:
    from webbot import store_command

    return store_command.run(given, _settings(given))


def people(given: argparse.Namespace) -> int:
    from webbot import people_command

    return people_command.run(given, _settings(given))


def bench(given: argparse.Namespace) -> int:
    from webbot import bench_command

    return bench_command.run(given, _settings(given))


def doctor(given: argparse.Namespace) -> int:
    from webbot.doctor import examine

    if given.json:
        import json
        from dataclasses import asdict

        findings = list(examine(_settings(given), running=given.running))
        print(json.dumps([asdict(finding) for finding in findings]))
        return 1 if any(finding.remedy and finding.needed for finding in findings) else 0
    missing = 0
    for finding in examine(_settings(given), running=given.running):
        mark = "ok     " if not finding.remedy else "problem" if finding.needed else "note   "
        print(f"{mark}  {finding.what}", flush=True)
        if finding.remedy:
            print(f"         -> {finding.remedy}")
            missing += finding.needed
    print("\nNothing is missing." if not missing else f"\n{missing} to be mended.")
    return 1 if missing else 0


def show_settings(given: argparse.Namespace) -> int:
    from webbot.manual import settings_page

    if given.write:
        (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")
    else:
        print(settings_page(), end="")
    return 0


def certificate(given: argparse.Namespace) -> int:
    from webbot import certs

    chosen = _settings(given)
    if given.action == "renew" and chosen.certificate:
        raise SettingsError("Your own certificate is renewed by whoever made it.")
    files = certs.ensure(chosen, anew=given.action == "renew")
    facts = certs.facts(files.chain)
    print(f"certificate: {files.chain}\nkey:         {files.key}\nauthority:   {files.authority or '(your own certificate)'}")
    print(f"good until:  {facts.ends:%Y-%m-%d}\nfor:         {', '.join(facts.names)}")
    if sentence := certs.warning(files):
        print(sentence)
    return 0


def version(given: argparse.Namespace) -> int:
    print(f"webbot {__version__}")
    return 0
