"""Why a command was not run. The text is for whoever typed it, in their language, in one line."""

from __future__ import annotations

from db.errors import EXIT_NOT_ALLOWED, EXIT_UNREACHABLE, EXIT_USAGE, SaloError


class CommandError(SaloError):
    """A command was refused or failed; the text says why and what to do."""


class BadCommand(CommandError):
    """A line that is no command of ours, or one with wrong parameters."""

    exit_code = EXIT_USAGE

    def __init__(self, text: str, problem: str = "") -> None:
        """``problem`` is the text less the usage that it ends with, where it does."""
        super().__init__(text)
        self.problem = problem


class NotAllowed(CommandError):
    """The role of whoever asks does not suffice."""

    exit_code = EXIT_NOT_ALLOWED


class PlatformDown(CommandError):
    """A command needs a running platform, and there is none."""

    exit_code = EXIT_UNREACHABLE
