"""The list of phrases, which comes by page as it is looked at, of one bot or of all and of one status at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from db.errors import SaloError
from db.protocol import CommandResult
from db.texts import N_, _
from salo_tui.ages import TURN_S, now_ms
from salo_tui.phrases import OPEN, Phrase, columns, list_line, phrase_of, row_of
from salo_tui.widgets.rows import KEPT_MAX, PAGE_ROWS, Row
from salo_tui.widgets.span_table import SpanTable

LISTED_MAX = 10_000  # the platform counts no farther
Ask = Callable[[str], Awaitable[CommandResult]]


class PhraseTable(SpanTable):
    """Reads itself through ``ask``; ``drafts`` are the phrases that somebody has begun to answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", N_("answer"), id="unsolved.answer")]

    @dataclass
    class Told(Message):
        """``total``, or the ``problem`` that keeps the list from being read, is another one."""

    class Renewed(Message):
        """What is seen was read anew."""

    def __init__(self, ask: Ask, drafts: Container[str], *, id: str | None = None) -> None:
        super().__init__(columns(), id=id)
        self.bot = ""  # the only one whose phrases are shown
        self.status = OPEN
        self.total: int | None = None
        self.problem = ""
        self._ask, self._drafts = ask, drafts
        self._phrases: dict[str, Phrase] = {}  # by id, of the pages that came
        self._is_loading = self._is_wanted = False

    # What the screen asks.

    @property
    def at_cursor(self) -> Phrase | None:
        return self._phrases.get(self.cursor_id or "")

    def phrase(self, phrase_id: str) -> Phrase | None:
        """Return a phrase as it was read last, if it was."""
        return self._phrases.get(phrase_id)

    @property
    def chosen(self) -> list[Phrase]:
        """The marked phrases, or the one the cursor is on."""
        marked = [phrase for key, phrase in self._phrases.items() if key in self.marked]
        return marked or ([self.at_cursor] if self.at_cursor is not None else [])

    def choose(self, bot: str, status: str) -> None:
        """Show another list, from its start."""
        if (bot, status) != (self.bot, self.status):
            self.bot, self.status, self.total = bot, status, None
            self._phrases = {}
            self.unmark_all()
            self.set_rows(())
            self.reload()

    def reload(self) -> None:
        """Read what is seen anew, soon and once, however often it is asked for."""
        self._is_wanted = True
        if not self._is_loading and self.is_mounted:
            self._is_loading = True
            self.run_worker(self._load_until_done())

    async def load(self) -> None:
        """Read the pages that are seen anew."""
        wanted = (self.bot, self.status)
        pages: dict[int, list[Phrase]] = {}
        for first in self.pages_seen:
            found = await self._page(first)
            if found is None or wanted != (self.bot, self.status):
                return
            pages[first] = found
        self._phrases = {phrase.id: phrase for found in pages.values() for phrase in found}
        self.set_pages(self._length, {first: self._rows_of(found) for first, found in pages.items()})
        self.post_message(self.Renewed())

    async def load_without(self, *gone: str) -> None:
        """Read the list anew after phrases have left it; a cursor that was on one goes on to the next."""
        if self.cursor_id in gone:
            self.action_move(1)
        for key in gone:
            self._phrases.pop(key, None)
        await self.load()

    def show_draft(self, phrase: Phrase) -> None:
        """Show whether a phrase has a draft."""
        self.change_row(self._row(phrase))

    # How it comes.

    def on_mount(self) -> None:
        self.set_interval(TURN_S, self._turn)
        if self._is_wanted:
            self.reload()

    def _turn(self) -> None:
        """Let the ages, and how often things were asked, be true again."""
        if self.screen.is_current:
            self.reload()

    async def _load_until_done(self) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = False
                await self.load()
        finally:
            self._is_loading = False

    async def on_span_table_page_wanted(self, message: SpanTable.PageWanted) -> None:
        message.stop()
        self.run_worker(self._bring(message.first))

    async def _bring(self, first: int) -> None:
        wanted, length = (self.bot, self.status), self._length
        found = await self._page(first)
        if found is None or wanted != (self.bot, self.status):
            return
        if self._length != length:
            self.set_length(self._length)
        if len(self._phrases) > 2 * KEPT_MAX:
            self._phrases = {}
        self._phrases |= {phrase.id: phrase for phrase in found}
        self.put_page(first, self._rows_of(found))

    async def _page(self, first: int) -> list[Phrase] | None:
        """Return a page, and learn how many phrases there are; nothing when it cannot be had."""
        problem, total, found = "", self.total, None
        try:
            result = await self._ask(list_line(self.bot, self.status, first, PAGE_ROWS))
            problem = result.text if result.exit_code else ""
            found = list(map(phrase_of, result.data["rows"]))
            total = int(result.data["total"])
        except SaloError as error:
            problem = str(error)
        except (KeyError, TypeError, ValueError):
            problem = problem or _("the platform is of another version")
        problem = " ".join(problem.split())
        if (problem, total) != (self.problem, self.total):
            self.problem, self.total = problem, total
            self.post_message(self.Told())
        return found

    @property
    def _length(self) -> int:
        return min(self.total or 0, LISTED_MAX)

    def _rows_of(self, phrases: list[Phrase]) -> list[Row]:
        return list(map(self._row, phrases))

    def _row(self, phrase: Phrase) -> Row:
        return row_of(phrase, now_ms(), has_draft=phrase.id in self._drafts)
