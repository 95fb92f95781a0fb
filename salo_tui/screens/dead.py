"""Dead letters: events that were given up, why, and the two things that can be done with them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from db.errors import SaloError
from db.texts import N_, _
from salo_tui.ages import TURN_S, now_ms
from salo_tui.client import Refused
from salo_tui.frame import Frame
from salo_tui.letters import Letter, columns, letter_of, row_of, sheet
from salo_tui.state import State
from salo_tui.widgets.dialogs import TextDialog
from salo_tui.widgets.lines import Lines
from salo_tui.widgets.span_table import SpanTable

PAGE = 50  # letters hold whole events, and an answer no more than a mebibyte
LISTED_MAX = 1000  # newest ones; older ones show when these are done with
NEAR_END = 20  # rows from the end at which the next page is asked for


class LetterTable(SpanTable):
    """The list; ``enter`` shows all of a letter."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", N_("all of it"), id="dead.open")]


class DeadScreen(Frame):
    """The list, and below it what is known of the letter under the cursor."""

    TITLE_TEXT = N_("Dead letters")
    DEFAULT_CSS = """
    DeadScreen SpanTable { height: 1fr; }
    DeadScreen #letter { height: 7; padding: 0 1; background: $surface; }
    DeadScreen.-high #letter { height: 12; }
    DeadScreen.-short #letter { height: 4; }
    DeadScreen.-tiny #letter { height: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run('replay')", N_("replay"), id="dead.replay"),
        Binding("d", "run('drop')", N_("drop"), id="dead.drop"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._letters: list[Letter] = []  # newest first
        self._is_whole = False  # there are no older ones
        self._problem = ""
        self._count: object = None  # as the platform told it last
        self._is_loading = self._is_wanted = False

    def body(self) -> ComposeResult:
        yield LetterTable(columns(), id="table")
        yield Lines(id="letter")

    def on_mount(self) -> None:
        self._table.focus()
        self._table.set_empty(_("no dead letters: nothing was given up"))
        self.set_interval(TURN_S, self._show_rows)

    def note(self) -> str:
        if self._problem:
            return self._problem
        is_all = self._is_whole or not self._letters
        return "" if is_all else _("the newest {count}").format(count=len(self._letters))

    def marked_count(self) -> int:
        return len(self._table.marked)

    def show(self, state: State) -> None:
        count = state.platform.get("dead")
        if count != self._count or self._problem:
            self._count = count
            self.reload()

    @property
    def _table(self) -> SpanTable:
        return self.query_one(SpanTable)

    # The list.

    def reload(self) -> None:
        """Read the list anew, as far as it is known, soon and once, however often it is asked for."""
        self._is_wanted = True
        if not self._is_loading:
            self._is_loading = True
            self.run_worker(self._load_until_done())

    async def _load_until_done(self) -> None:
        try:
            while self._is_wanted:
                self._is_wanted = False
                await self._load(max(self._place + NEAR_END, PAGE))
        finally:
            self._is_loading = False

    async def _load(self, least: int, known: list[Letter] | None = None) -> None:
        """Read pages after those that are ``known`` until there are ``least`` letters, or no more."""
        letters, is_whole = list(known or ()), False
        try:
            while len(letters) < min(least, LISTED_MAX) and not is_whole:
                page, is_whole = await self._page(letters[-1].id if letters else "")
                letters += page
            if known is not None and known is not self._letters:  # read anew meanwhile: what we knew is old
                self.call_later(self._want_older)
                return
            self._letters, self._is_whole, self._problem = letters, is_whole, ""
        except SaloError as error:
            self._problem = " ".join(str(error).split())
        except (KeyError, TypeError, ValueError):
            self._problem = _("the platform is of another version")
        self._show_rows()
        self.show_bars(self.salo.state, self.salo.link)

    async def _page(self, before: str) -> tuple[list[Letter], bool]:
        """Return letters older than one of them, and whether there are no more; fewer when their events are large."""
        count, older = PAGE, f" -before {before}" if before else ""
        while True:
            try:
                result = await self.salo.actions.ask(f"dead list -count {count}{older}")
                page = list(map(letter_of, result.data))
                return page, len(page) < count
            except Refused:
                if count == 1:
                    raise
                count = max(count // 7, 1)

    def _show_rows(self) -> None:
        now = now_ms()
        self._table.set_rows(row_of(letter, now) for letter in self._letters)
        self._show_letter()

    @property
    def _place(self) -> int:
        """Where the cursor is."""
        cursor = self._table.cursor_id
        return next((place for place, letter in enumerate(self._letters) if letter.id == cursor), 0)

    @property
    def _letter(self) -> Letter | None:
        return self._letters[self._place] if self._letters else None

    def _show_letter(self) -> None:
        lines = self.query_one("#letter", Lines)
        letter, size = self._letter, lines.size
        lines.set_lines(sheet(letter, size.width, size.height) if letter is not None and size.width else [])

    def on_span_table_highlighted(self) -> None:
        self._show_letter()
        self._want_older()

    def _want_older(self) -> None:
        """Ask for older letters when the cursor nears the end."""
        if self._place + NEAR_END >= len(self._letters) and not self._is_whole and not self._is_loading:
            self.run_worker(self._load(len(self._letters) + 1, self._letters), exclusive=True, group="older")

    def on_span_table_marks_changed(self) -> None:
        self.show_bars(self.salo.state, self.salo.link)

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._show_letter)

    def find(self, text: str) -> object:
        return self._table.search(text)

    # What is done.

    def on_span_table_selected(self) -> None:
        if self._letter is not None:
            self.run_worker(self._open(self._letter.id))

    async def _open(self, letter_id: str) -> None:
        try:
            text = (await self.salo.actions.ask(f"dead show {letter_id}")).text
        except SaloError as error:
            text = str(error)
        title = _("Dead letter {id}").format(id=letter_id)
        await self.app.push_screen_wait(TextDialog(title, text))

    def action_run(self, verb: str) -> None:
        """Replay or drop the marked letters, or the one under the cursor."""
        marked = [letter for letter in self._letters if letter.id in self._table.marked]
        chosen = marked or ([self._letter] if self._letter is not None else [])
        self.run_worker(self._run(verb, [letter.id for letter in chosen]))

    async def _run(self, verb: str, ids: list[str]) -> None:
        if await self.salo.actions.run(*(f"dead {verb} {letter_id}" for letter_id in ids)):
            self.reload()
