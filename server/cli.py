"""The front door: every verb of ``salo``. What a verb needs is loaded when it runs, so that no other waits for it.

Verbs of the command registry are made from their declarations (``server.cli_verbs``); the few here run a process of
their own. The terminal is known by name only.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from db.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, SaloError
from db.settings import load_settings
from db.texts import _, use_language
from db.version import VERSION
from server.cli_verbs import Door, help_of, nearest_verb, registry_verbs
from server.click_words import name_places, speak_ours

_INTERRUPTED = 130  # as shells say it: 128 + SIGINT


class _FrontDoor(click.Group):
    """The group of all verbs; an unknown one gets the nearest that is known."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            close = nearest_verb(args[0], self.commands)
            hint = _("did you mean {close}?").format(close=close) if close else _("salo --help lists them")
            raise click.UsageError(_("there is no verb {name}; {hint}").format(name=args[0][:60], hint=hint))
        return super().resolve_command(ctx, args)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code: 0 ok, 1 refused, 2 usage, 3 no platform, 4 not allowed."""
    words = list(sys.argv[1:] if argv is None else argv)
    with use_language(_language(words)):
        try:
            code = front_door().main(args=words, prog_name="salo", standalone_mode=False)
        except click.exceptions.Exit as end:
            code = end.exit_code
        except click.ClickException as error:
            error.show()
            code = EXIT_USAGE if isinstance(error, click.UsageError) else EXIT_FAILED
        except SaloError as error:
            code = _say(str(error), error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            code = _say(_("interrupted"), _INTERRUPTED)
        except BrokenPipeError:  # somebody reads no further: salo … | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = EXIT_OK
        except Exception as error:
            if os.environ.get("SALO_DEBUG"):
                raise
            code = _say(_("a bug: {kind}; SALO_DEBUG=1 shows where").format(kind=type(error).__name__), EXIT_FAILED)
    return int(code or EXIT_OK)


def _say(text: str, code: int) -> int:
    click.echo(f"salo: {text}", err=True)
    return code


def _language(words: Sequence[str]) -> str:
    """Return the language of help and errors; settings that are wrong are told about when they are used."""
    config = None
    for at, word in enumerate(words):
        if word == "--config" and at + 1 < len(words):
            config = Path(words[at + 1])
        elif word.startswith("--config="):
            config = Path(word.partition("=")[2])
    try:
        return load_settings(config).platform.language
    except SaloError:
        return "ru"


def front_door() -> click.Group:
    """Return the group of all verbs, in the language in use."""
    speak_ours()

    @click.group(
        cls=_FrontDoor,
        help=_("Salo-G2 runs many VK community chat bots from one terminal."),
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=False,
        invoke_without_command=True,
    )
    @click.option("--config", metavar=_("FILE"), type=click.Path(path_type=Path), help=_("settings file (salo.toml)"))
    @click.option("--ephemeral", is_flag=True, help=_("end the platform with this terminal, however that ends"))
    @click.version_option(VERSION, "--version", message="salo %(version)s", help=_("show the version and exit"))
    @click.pass_context
    def salo(ctx: click.Context, config: Path | None, ephemeral: bool) -> int:
        ctx.obj = door = Door(config)
        if ctx.invoked_subcommand is not None:
            if ephemeral:
                raise click.UsageError(_("--ephemeral opens a terminal, so it takes no verb"))
            return EXIT_OK
        if _is_terminal():
            return int(_load("salo_tui.main").open_terminal(door.settings, ephemeral=ephemeral))
        click.echo(ctx.get_help())
        return EXIT_OK

    for verb in (_run(), _attach(), _demo(), _chaos(), _emulator(), _ctl(), *registry_verbs()):
        salo.add_command(verb)
    name_places(salo)
    return salo


def _run() -> click.Command:
    @click.command("run", help=_("Runs the platform in the foreground until it is stopped."))
    @click.option("--detached", is_flag=True, hidden=True)  # a terminal starts it so
    @click.option("--tied-to", type=int, hidden=True)
    @click.pass_obj
    def run(door: Door, detached: bool, tied_to: int | None) -> int:
        return int(_load("server.platform").run(door.settings, detached=detached, tied_to=tied_to))

    return run


def _attach() -> click.Command:
    @click.command("attach", help=_("Opens a terminal on the running platform, and starts none."))
    @click.option("--read-only", is_flag=True, help=_("change nothing"))
    @click.option("--demo", is_flag=True, hidden=True)  # the demo opens it so
    @click.option("--picture", type=click.Path(path_type=Path), hidden=True)
    @click.option("--after", type=float, default=20.0, hidden=True)
    @click.pass_obj
    def attach(door: Door, read_only: bool, demo: bool, picture: Path | None, after: float) -> int:
        main = _load("salo_tui.main")
        if picture is not None:
            return int(main.take_picture(door.settings, picture, after))
        if not _is_terminal():
            raise click.UsageError(_("attach needs a terminal; without one: salo status"))
        return int(main.attach(door.settings, read_only=read_only, demo=demo))

    return attach


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def _demo() -> click.Command:
    above_zero = click.FloatRange(min=0, min_open=True)
    above_zero.name = _("number")

    @click.command("demo", help=_("Plays the main job on a stage of its own: a VK on the desk, three bots, chatters."))
    @click.option("--headless", is_flag=True, help=_("draw nothing, print a summary at the end"))
    @click.option("--seconds", type=above_zero, metavar=_("NUMBER"), help=_("how long; without it, until Ctrl-C"))
    @click.option("--rate", type=above_zero, metavar=_("NUMBER"), help=_("messages a second"))
    @click.option("--json", "as_json", is_flag=True, help=_("print the summary as one JSON object, in the last line"))
    @click.option("--seed", type=int, metavar="N", default=1, show_default=True, help=_("of the chatters' dice"))
    @click.option("--picture", metavar=_("FILE"), type=click.Path(path_type=Path),
                  help=_("write a picture of the terminal into an .svg file, and show it to nobody"))  # fmt: skip
    @click.pass_obj
    def demo(door: Door, /, **options: Any) -> int:
        _log_warnings()
        module = _load("server.demo.run")
        return int(module.run(module.DemoOptions(**options), door.settings))

    return demo


def _chaos() -> click.Command:
    above_zero = click.FloatRange(min=0, min_open=True)
    above_zero.name = _("number")
    whole = click.IntRange(1, 500)
    whole.name = _("number")

    @click.command("chaos", help=_("Kills and freezes parts of a platform of its own while people talk, and counts."))
    @click.option("--minutes", type=above_zero, metavar=_("NUMBER"), default=10.0, show_default=True,
                  help=_("how long"))  # fmt: skip
    @click.option("--seed", type=int, metavar="N", default=1, show_default=True, help=_("of all dice"))
    @click.option("--rate", type=above_zero, metavar=_("NUMBER"), default=100.0, show_default=True,
                  help=_("messages a second, of all bots"))  # fmt: skip
    @click.option("--bots", type=whole, metavar=_("NUMBER"), default=20, show_default=True, help=_("how many bots"))
    @click.option("--people", type=whole, metavar=_("NUMBER"), default=50, show_default=True,
                  help=_("conversations of each bot"))  # fmt: skip
    @click.option("--logs", metavar=_("DIRECTORY"), type=click.Path(path_type=Path), help=_("copy the logs there"))
    @click.option("--json", "as_json", is_flag=True, help=_("print the report as one JSON object, in the last line"))
    def chaos(**options: Any) -> int:
        _log_warnings()
        module = _load("server.chaos.run")
        return int(module.run(module.ChaosOptions(**options)))

    return chaos


def _emulator() -> click.Command:
    @click.command(
        "emulator",
        help=_("Runs a VK on the desk alone and prints its address; emulator --help lists its options."),
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def emulator(words: tuple[str, ...]) -> int:
        _log_warnings()
        return int(_load("server.emulator").main(list(words)))

    return emulator


def _ctl() -> click.Command:
    @click.command(
        "ctl",
        help=_("Runs a command in the running platform, written as in the terminal: salo ctl bot show anna."),
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )
    @click.option("--json", "as_json", is_flag=True, help=_("print data instead of text"))
    @click.option("--role", metavar=_("ROLE"), help=_("use no more than this role's rights"))
    @click.argument("words", nargs=-1, required=True, metavar=_("COMMAND…"), type=click.UNPROCESSED)
    @click.pass_obj
    @click.pass_context
    def ctl(ctx: click.Context, door: Door, words: tuple[str, ...], as_json: bool, role: str | None) -> int:
        if words[-1] in ("-h", "--help"):
            click.echo(help_of(words[:-1]) if words[1:] else ctx.get_help())
            return EXIT_OK
        return int(_load("salo_tui.ctl").run(door.settings, list(words), as_json=as_json, role=role))

    return ctl


def _load(module: str) -> Any:
    return importlib.import_module(module)


def _log_warnings() -> None:
    level = logging.DEBUG if os.environ.get("SALO_DEBUG") else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")


if __name__ == "__main__":
    sys.exit(main())
