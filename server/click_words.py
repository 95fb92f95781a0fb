"""Makes click speak the language in use: its own words pass through ``db.texts`` like ours.

click takes its texts from the process-wide gettext, whose language is the environment's and not ``salo.toml``'s. So
the functions that its modules look them up with are replaced by ours; a word that is not listed here stays English.
"""

from __future__ import annotations

import importlib

import click

from db.texts import N_, _

_MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
WORDS = (
    N_("Usage:"),
    N_("Options"),
    N_("Commands"),
    N_("Show this message and exit."),
    N_("required"),
    N_("default: {default}"),
    N_("Error: {message}"),
    N_("Try '{command} {option}' for help."),
    N_("Missing argument"),
    N_("Missing option"),
    N_("Missing command."),
    N_("No such option {name!r}."),
    N_("No such command {name!r}."),
    N_("Did you mean {possibility}?"),
    N_("(Did you mean one of: {possibilities}?)"),
    N_("Got unexpected extra argument ({args})"),
    N_("Got unexpected extra arguments ({args})"),
    N_("Option {name!r} requires an argument."),
    N_("Option {name!r} does not take a value."),
    N_("Invalid value: {message}"),
    N_("Invalid value for {param_hint}: {message}"),
    N_("{value!r} is not a valid {number_type}."),
    N_("{value} is not in the range {range}."),
    N_("{value!r} is not {choice}."),
    N_("{value!r} is not one of {choices}."),
)


def speak_ours() -> None:
    """Let click look its words up in our catalogue, from now on in this process."""
    for name in _MODULES:
        module = importlib.import_module(f"click.{name}")
        for known, ours in (("_", _), ("ngettext", _counted)):
            if hasattr(module, known):
                setattr(module, known, ours)


def _counted(one: str, many: str, count: int) -> str:
    """Both forms of click's counted texts are worded in the catalogue to fit any number."""
    return _(one if count == 1 else many)


def name_places(command: click.Command) -> None:
    """Put the words for what a line of usage leaves open into a command and all below it."""
    if command.options_metavar:
        command.options_metavar = _("[OPTIONS]")
    if isinstance(command, click.Group):
        command.subcommand_metavar = _("COMMAND [ARGS]...")
        for inner in command.commands.values():
            name_places(inner)
