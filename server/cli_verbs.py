"""The command registry as verbs of a shell: options and arguments made from declarations, and how such a verb runs.

A running platform runs it over the control socket; where there is none, the storage is opened for as long as needed.
"""

from __future__ import annotations

import difflib
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from db.codec import dumps
from db.errors import BadValue
from db.protocol import CommandResult
from db.settings import Settings, load_settings
from db.texts import N_, _
from engine.commands.bind import bind_mapping, place_word
from engine.commands.declare import Declaration, Face, Needs, Parameter
from engine.commands.errors import BadCommand, CommandError, PlatformDown
from engine.commands.helping import help_list, help_page
from engine.commands.registry import registry
from engine.commands.roles import Role

SECRET_FILE_MAX = 4096  # bytes of a token's file

_GROUPS = {
    "base": N_("Bases: databases of answers that bots use."),
    "bot": N_("Bots: the VK communities that Salo speaks for."),
    "index": N_("Indexes: the files by which phrases are found."),
    "key": N_("The key that seals tokens, secrets and codes."),
    "queue": N_("What waits in the bots' inboxes."),
    "dead": N_("Dead letters: events that were given up."),
    "ticker": N_("Tickers: the periodic duties."),
    "unsolved": N_("Phrases that no bot could answer."),
}


class Door:
    """What verbs share: the settings, read when the first of them asks."""

    def __init__(self, config: Path | None) -> None:
        self._config = config

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self._config)


def registry_verbs() -> list[click.Command]:
    """Return a verb for each command of the shell's face; names of two words come in groups."""
    verbs: dict[str, click.Command] = {}
    for declaration in registry().of_face(Face.SHELL):
        first, _space, second = declaration.name.partition(" ")
        if not second:
            verbs[first] = _verb(declaration, first)
            continue
        group = verbs.setdefault(first, click.Group(first, help=_(_GROUPS[first]) if first in _GROUPS else None))
        assert isinstance(group, click.Group)
        group.add_command(_verb(declaration, second))
    return list(verbs.values())


def help_of(words: Sequence[str]) -> str:
    """Return what there is to know of the command that a line of ``salo ctl`` begins with. Raises ``SaloError``."""
    line = " ".join(words)
    group = [item for item in registry().declarations if item.name.startswith(f"{line} ")]
    return help_list(group) if group else help_page(registry().find(line).declaration).removeprefix("/")


def nearest_verb(name: str, known: Iterable[str]) -> str | None:
    """Return the known verb that is most like ``name``, if any is."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def _verb(declaration: Declaration, name: str) -> click.Command:
    def run(**values: Any) -> int:
        door = click.get_current_context().find_object(Door)
        assert door is not None
        return _run_verb(declaration, door, values)

    options: list[click.Parameter] = [_parameter(item) for item in declaration.parameters]
    options.append(click.Option(["--json", "as_json"], is_flag=True, help=_("print data instead of text")))
    if declaration.destructive:
        options.append(click.Option(["--yes", "-y", "sure"], is_flag=True, help=_("do not ask")))
    words = [_sentence(declaration.summary), *([_(declaration.help)] if declaration.help else [])]
    return _Verb(name, callback=run, params=options, help="\n\n".join(words))


class _Verb(click.Command):
    """A verb whose list options take all words up to the next option, as everywhere else: ``--names a b``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        lists = {name for item in self.params if isinstance(item, click.Option) and item.multiple for name in item.opts}
        return super().parse_args(ctx, _repeated(args, lists))


def _repeated(args: Iterable[str], lists: set[str]) -> list[str]:
    """Return ``--names a b`` as ``--names a --names b``, which is click's form; ``lists`` are such options."""
    spread: list[str] = []
    current, count = "", 0
    for word in args:
        if word.startswith("-") and len(word) > 1:
            current, count = (word if word in lists else ""), 0
            if word == "--":
                lists = set()
            spread.append(word)
        else:
            spread += [current, word] if count else [word]
            count += bool(current)
    return spread


def _sentence(summary: str) -> str:
    text = _(summary)
    return text[:1].upper() + text[1:] + "."


def _parameter(item: Parameter) -> click.Parameter:
    """Return one parameter. Values stay text here: the registry's own types judge them, with better words."""
    key = item.name.replace("-", "_")
    if item.positional:
        return click.Argument(
            [key], metavar=place_word(item), required=item.required, nargs=-1 if item.many or item.rest else 1
        )
    if item.flag:
        return click.Option([f"--{item.name}", key], is_flag=True, help=_(item.help))
    if item.from_file:
        text = _("{what}: a file, or - for standard input").format(what=_(item.help))
        return click.Option([f"--{item.name}-file", key], required=item.required, metavar=_("FILE"), help=text)
    metavar = _(item.type.word)
    return click.Option(
        [f"--{item.name}", key], required=item.required, multiple=item.many, metavar=metavar, help=_(item.help)
    )


def _run_verb(declaration: Declaration, door: Door, values: dict[str, Any]) -> int:
    as_json, sure = values.pop("as_json"), values.pop("sure", True)
    args = _as_given(declaration, values)
    _check(declaration, args)  # what is wrong is told before anything is asked or started
    if not sure:
        _ask(declaration, args)
    try:
        result = _execute(declaration, args, door.settings)
    except PlatformDown:
        if as_json and declaration.name == "status":
            _print_json({"platform": {"state": "down", "home": str(door.settings.home)}, "bots": [], "processes": []})
        raise
    if as_json and result.data is not None:
        _print_json(result.data)
    elif result.text:
        click.echo(result.text)
    return result.exit_code


def _check(declaration: Declaration, args: dict[str, Any]) -> None:
    """Raise ``BadCommand`` on values that are wrong, in the spelling of a shell."""
    try:
        bind_mapping(declaration, args)
    except BadCommand as error:
        if not error.problem:
            raise
        problem = f"-{error.problem}" if error.problem.startswith("-") else error.problem
        text = _("{problem}; see: salo {name} --help")
        raise BadCommand(text.format(problem=problem, name=declaration.name)) from None


def _print_json(data: Any) -> None:
    click.echo(dumps(data))


def _as_given(declaration: Declaration, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that were given, by the registry's names, files of secrets read."""
    given: dict[str, Any] = {}
    for item in declaration.parameters:
        value = values[item.name.replace("-", "_")]
        if value is None or value == () or value is False:
            continue
        if item.rest and isinstance(value, tuple):
            value = " ".join(value)
        given[item.name] = _secret_from(value, item.name) if item.from_file else value
    return given


def _secret_from(file: str, name: str) -> str:
    """Return what a file holds, without the line's end; ``-`` is standard input."""
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(SECRET_FILE_MAX + 1)
        else:
            with Path(file).open("rb") as source:
                raw = source.read(SECRET_FILE_MAX + 1)
        text = raw.decode().strip()
    except OSError as error:
        raise BadCommand(_("{file}: {reason}").format(file=file, reason=error.strerror)) from None
    except UnicodeDecodeError:
        raise BadValue(_("{file}: is no text").format(file=file)) from None
    if not text or len(raw) > SECRET_FILE_MAX:
        text = _("{file}: must hold the {name}, at most {most} bytes")
        raise BadValue(text.format(file=file, name=name, most=SECRET_FILE_MAX))
    return text


def _ask(declaration: Declaration, args: dict[str, Any]) -> None:
    """Ask before something is destroyed, naming it. Where nobody is there to answer, a script meant what it said."""
    if not sys.stdin.isatty():
        return
    what = " ".join(str(args[item.name]) for item in declaration.positional if item.name in args)
    deed = _("salo {name} {what}: {summary}").format(name=declaration.name, what=what, summary=_(declaration.summary))
    if not click.confirm(_("{deed}. Go on?").format(deed=deed), err=True):
        raise CommandError(_("nothing was done"))


def _execute(declaration: Declaration, args: dict[str, Any], settings: Settings) -> CommandResult:
    """Run a command where it belongs: here, in the running platform, or here on storage opened for it."""
    from server.control_client import ControlClient

    is_local = any(item.local and item.name in args for item in declaration.parameters)
    if declaration.faces != {Face.SHELL} and not is_local:
        try:
            with ControlClient.connect(settings.state) as client:
                return _in_platform(client, declaration, args)
        except PlatformDown:
            if declaration.needs is Needs.PLATFORM:
                raise
    return _here(declaration, args, settings)


def _in_platform(client: Any, declaration: Declaration, args: dict[str, Any]) -> CommandResult:
    if declaration.name == "stop":
        return _stop(client)
    result: CommandResult = client.command(declaration.name, args)
    return result


def _stop(client: Any) -> CommandResult:
    """Tell the platform to stop, and come back when it is gone."""
    from server.waiting import wait_for_end

    pid = client.platform_pid()
    with suppress(PlatformDown):  # a quick one is gone before it has answered
        client.command("stop", {})
    return wait_for_end(pid)


def _here(declaration: Declaration, args: dict[str, Any], settings: Settings) -> CommandResult:
    from server.commands.context import Actor, PlatformContext, Resources
    from server.commands.progress import shown_progress
    from server.commands.run import run_command
    from server.storage.session import open_storage

    level = logging.DEBUG if os.environ.get("SALO_DEBUG") else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    actor = Actor(Role.OWNER, Face.SHELL, f"shell:{os.environ.get('USER') or os.geteuid()}")
    with open_storage(settings) if declaration.needs is Needs.STORAGE else nullcontext(), shown_progress() as progress:
        resources = Resources(settings)
        try:
            context = PlatformContext(resources, actor, None, progress)
            return run_command(context, declaration, bind_mapping(declaration, args))
        finally:
            resources.close()
