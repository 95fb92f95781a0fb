"""Runs command lines for the screens: asks first as each command's danger demands, then tells what was done.

One way for keys, the ``:`` line and dialogs, so that each shows the ``salo …`` line that would have done the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from db.errors import EXIT_FAILED
from db.protocol import CommandResult
from db.texts import _
from salo_tui.client import PlatformUnreachable, Refused
from salo_tui.typed import command_of, shown, subject_of
from salo_tui.widgets.dialogs import ConfirmBox, ConfirmLine, ConfirmName
from salo_tui.widgets.table_lines import Piece

if TYPE_CHECKING:
    from salo_tui.app import SaloApp

LINE_SHOWN = 44  # signs of a line in the event line: its result has to fit, too
COMMAND_S = 60.0  # a restart waits for the process to end
Declaration = Mapping[str, Any]


class Actions:
    """The commands of the platform, as ``describe`` tells them, and how one is run."""

    def __init__(self, app: SaloApp) -> None:
        self._app = app

    @property
    def declarations(self) -> Sequence[Declaration]:
        """The commands, as the platform told them; none before it has."""
        return self._app.declarations

    def find(self, line: str) -> Declaration | None:
        """Return the command of a line, read as the platform reads it."""
        return command_of(line, self.declarations)

    def shown(self, line: str) -> str:
        """Return a line as it may stand on a screen: without the secrets in it."""
        return shown(line, self.declarations)

    async def run(self, *lines: str, sure: bool = False) -> list[CommandResult]:
        """Run lines one after another, after one question for all of them, and tell the last result.

        What fails or is refused is told and ends it; a line that was not run has no result.
        """
        if not lines or not (sure or self._app.store.client is None or await self._confirmed(lines)):
            return []  # without a platform there is nothing to ask: the first line says so
        results = []
        for line in lines:
            result = await self._run(line)
            results.append(result)
            if result.exit_code:
                break
        return results

    async def ask(self, line: str) -> CommandResult:
        """Run a line that only reads, for a screen, and tell nothing. Raises ``SaloError``."""
        client = self._app.store.client
        if client is None:
            raise PlatformUnreachable(_("the platform is not connected; what is shown is from before"))
        return await client.command(line, read_only=True, timeout_s=COMMAND_S)

    async def _run(self, line: str) -> CommandResult:
        client = self._app.store.client
        try:
            if client is None:
                raise PlatformUnreachable(_("the platform is not connected; nothing was done"))
            careful = self._app.read_only or self.find(line) is None  # what we do not know may change nothing
            result = await client.command(line, read_only=careful, timeout_s=COMMAND_S)
        except (Refused, PlatformUnreachable) as error:
            result = CommandResult(str(error), None, error.exit_code or EXIT_FAILED)
        self._tell(line, result)
        return result

    def _tell(self, line: str, result: CommandResult) -> None:
        first = result.text.partition("\n")[0]
        tone = "bad" if result.exit_code else "good"
        told = self.shown(line)
        told = told if len(told) <= LINE_SHOWN else told[: LINE_SHOWN - 1] + "…"
        pieces = [Piece(f"salo {told}", "key"), Piece("  "), Piece("✗ " if result.exit_code else "✓ ", tone)]
        self._app.tell_news(int(time.time() * 1000), [*pieces, Piece(first, tone if result.exit_code else "")])

    async def _confirmed(self, lines: Sequence[str]) -> bool:
        """Ask as the most dangerous of the lines demands. Restarts and the like name what will happen."""
        declarations = [self.find(line) for line in lines]
        danger = max(int(found["danger"]) if found else 0 for found in declarations)
        if not danger or self._app.read_only:  # the platform refuses then, with its own words
            return True
        most = next(found for found in declarations if found is not None and found["danger"] == danger)
        question = _("Run “salo {line}”?").format(line=self.shown(lines[0]))
        if len(lines) > 1:
            question = _("Run these {count} commands?").format(count=len(lines))
        effect = str(most.get("effect", ""))
        if danger == 1 and len(lines) == 1:
            dialog: Screen[bool] = ConfirmLine(question, effect)
        elif danger < 3:
            dialog = ConfirmBox(question, [f"salo {self.shown(line)}" for line in lines], effect)
        else:
            dialog = ConfirmName(question, subject_of(lines[0], most), effect)
        return await self._app.push_screen_wait(dialog)
