"""Unsolved: phrases that no bot could answer, the last asked first, and the editor that gives them their answers."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from db.errors import EXIT_UNREACHABLE, SaloError
from db.texts import N_, _
from salo_tui.frame import Frame
from salo_tui.outside import edit_outside
from salo_tui.phrases import OPEN, STATUSES, Draft, Phrase, answer_line, counted
from salo_tui.state import State
from salo_tui.widgets.answer_editor import AnswerEditor
from salo_tui.widgets.dialogs import TextDialog
from salo_tui.widgets.phrase_table import PhraseTable


class UnsolvedScreen(Frame):
    """The list, and below it the editor while an answer is typed. Drafts last as long as the terminal."""

    TITLE_TEXT = N_("Unsolved")
    DEFAULT_CSS = """
    UnsolvedScreen PhraseTable { height: 1fr; }
    UnsolvedScreen.-high #editor { height: 18; }
    UnsolvedScreen.-short #editor { height: 8; }
    UnsolvedScreen.-tiny #editor { height: 5; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "reject", N_("reject"), id="unsolved.reject"),
        Binding("z", "undo", N_("undo"), id="unsolved.undo"),
        Binding("o", "reopen", N_("let it wait again"), show=False, id="unsolved.reopen"),
        Binding("f", "status(1)", N_("status"), id="unsolved.status"),
        Binding("s", "status(-1)", N_("the other way round"), show=False, id="unsolved.status_back"),
        Binding("b", "bot", N_("bot or all"), id="unsolved.bot"),
        Binding("tab,f6", "app.focus_next", N_("next pane"), show=False, id="unsolved.pane"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._drafts = self.salo.drafts
        self._table = PhraseTable(lambda line: self.salo.actions.ask(line), self._drafts, id="table")
        self._editor = AnswerEditor(id="editor")
        self._counts: tuple[int | None, ...] | None = None
        self._is_saving = False

    def body(self) -> ComposeResult:
        yield self._table
        yield self._editor

    def crumbs(self) -> list[str]:
        return [_(self.TITLE_TEXT), *filter(None, [self._table.bot])]

    def note(self) -> str:
        table = self._table
        if table.problem or table.total is None:
            return table.problem
        parts = [counted(table.status, table.total), "" if table.bot else _("all bots")]
        if self._drafts.done_count:
            parts.append(_("z undoes {count}").format(count=self._drafts.done_count))
        return " · ".join(filter(None, parts))

    def marked_count(self) -> int:
        return len(self._table.marked)

    def on_mount(self) -> None:
        self._table.focus()
        self._table.set_empty(_("nothing here"))

    def only(self, bot: str) -> None:
        """Show the phrases of one bot; "" shows those of all."""
        self._table.choose(bot, self._table.status)

    def show(self, state: State) -> None:
        counts = tuple(bot.unsolved for bot in state.bots.values())
        if counts != self._counts or self._table.problem:
            self._counts = counts
            self._table.reload()

    def _show_note(self) -> None:
        self.show_bars(self.salo.state, self.salo.link)

    # The list.

    def on_phrase_table_told(self) -> None:
        self._show_note()

    def on_phrase_table_renewed(self) -> None:
        """Tell in the editor too how often its phrase was asked by now."""
        edited = self._editor.phrase
        now = self._table.phrase(edited.id) if edited is not None else None
        if now is not None:
            self._editor.recount(now.times)

    def on_span_table_marks_changed(self) -> None:
        self._show_note()

    def on_span_table_selected(self) -> None:
        self.action_answer()

    def action_status(self, by: int) -> None:
        """Go on from what is open to what was answered, and to what was rejected."""
        place = STATUSES.index(self._table.status) + by
        self._table.choose(self._table.bot, STATUSES[place % len(STATUSES)])
        self._show_note()

    def action_bot(self) -> None:
        """Show only the bot under the cursor, or all."""
        phrase = self._table.at_cursor
        self.only("" if self._table.bot or phrase is None else phrase.bot)
        self._show_note()

    def find(self, text: str) -> object:
        return self._table.search(text)

    # The editor.

    def action_answer(self) -> None:
        """Open the editor for an open phrase; of another one, and where nothing may be changed, show what is known."""
        phrase = self._table.at_cursor
        if phrase is None:
            return
        if phrase.status == OPEN and not self.salo.read_only:
            self._open(phrase)
            return
        if phrase.status == OPEN:
            self.salo.say(_("this terminal changes nothing: no answer can be given here"), "bad")
        self.run_worker(self._tell_of(phrase))

    def _open(self, phrase: Phrase) -> None:
        self._keep_draft()
        bot = self.salo.state.bots.get(phrase.bot)
        title = (bot.title or bot.name) if bot is not None else phrase.bot
        self._editor.open(phrase, self._drafts.of(phrase.id), title)
        self.run_worker(self._learn(phrase), exclusive=True, group="learn")

    async def _learn(self, phrase: Phrase) -> None:
        try:
            result = await self.salo.actions.ask(f"unsolved show {phrase.id}")
            self._editor.learn(phrase.id, result.data or {})
        except SaloError as error:
            self._editor.complain(str(error))

    async def _tell_of(self, phrase: Phrase) -> None:
        try:
            text = (await self.salo.actions.ask(f"unsolved show {phrase.id}")).text
        except SaloError as error:
            text = str(error)
        await self.app.push_screen_wait(TextDialog(phrase.id, text))

    def _keep_draft(self) -> None:
        phrase = self._editor.phrase
        if phrase is not None:
            self._drafts.keep(phrase.id, self._editor.draft)
            self._table.show_draft(phrase)

    def _close(self) -> None:
        self._editor.close()
        self._table.focus()

    def on_answer_editor_wanted(self, message: AnswerEditor.Wanted) -> None:
        match message.what:
            case "close":
                self._keep_draft()
                self._close()
            case "save" if not self._is_saving:
                self._is_saving = True  # before the worker begins: the next key may be here already
                self.run_worker(self._save())
            case "outside" if not self.salo.read_only:
                self.run_worker(self._edit_outside())

    async def _edit_outside(self) -> None:
        try:
            self._editor.put(await edit_outside(self.app, self._editor.draft.text))
        except SaloError as error:
            self._editor.complain(str(error))

    async def _save(self) -> None:
        """Give the answer, and go on with the next phrase. What is refused is said in the editor, which keeps it."""
        phrase, draft = self._editor.phrase, self._editor.draft
        try:
            if phrase is None:
                return
            self.salo.taught.add(phrase.phrase)
            done = await self._run(answer_line(phrase, draft))
        finally:
            self._is_saving = False
        if done:
            self._drafts.done(phrase.id, draft)
            is_here = self._editor.phrase is phrase
            if is_here:
                self._editor.phrase = None  # its draft is done with
            await self._table.load_without(phrase.id)
            self._show_note()
            if is_here:
                self._go_on()

    async def _run(self, line: str) -> bool:
        """Run a line and return whether it was done; what is refused is said in the editor too."""
        phrase = self._editor.phrase
        results = await self.salo.actions.run(line)
        refused = bool(results) and results[-1].exit_code != 0
        if refused and self._editor.phrase is phrase:
            self._editor.complain(results[-1].text)
        return bool(results) and not refused

    def _go_on(self) -> None:
        """Open the phrase that the cursor is on now, if there is one."""
        phrase = self._table.at_cursor
        if phrase is not None and phrase.status == OPEN:
            self._open(phrase)
        else:
            self._close()

    # What is done without the editor.

    def action_reject(self) -> None:
        self.run_worker(self._reject([phrase for phrase in self._table.chosen if phrase.status == OPEN]))

    async def _reject(self, phrases: list[Phrase]) -> None:
        results = await self.salo.actions.run(*(f"unsolved reject {phrase.id}" for phrase in phrases))
        done = [phrase.id for phrase, result in zip(phrases, results, strict=False) if not result.exit_code]
        for key in done:
            self._drafts.done(key, self._drafts.of(key))
        if done:
            self._table.unmark_all()
            await self._table.load_without(*done)
            self._show_note()

    def action_undo(self) -> None:
        self.run_worker(self._undo(), exclusive=True, group="undo")

    async def _undo(self) -> None:
        """Take back what was answered or rejected last in this terminal; the text becomes a draft again."""
        if self._drafts.last_done is None:
            self.salo.say(_("nothing was answered or rejected here that could be undone"))
            return
        phrase_id, draft = self._drafts.last_done
        if await self._reopened(phrase_id, sure=True):
            self._drafts.keep(phrase_id, draft)
            await self._table.load()
            self._table.move_to(phrase_id)
        self._show_note()

    def action_reopen(self) -> None:
        """Let a phrase wait again that anybody answered or rejected."""
        phrase = self._table.at_cursor
        if phrase is not None and phrase.status != OPEN:
            self.run_worker(self._reopen(phrase.id))

    async def _reopen(self, phrase_id: str) -> None:
        if await self._reopened(phrase_id):
            self._drafts.keep(phrase_id, Draft())
            await self._table.load_without(phrase_id)
            self._show_note()

    async def _reopened(self, phrase_id: str, *, sure: bool = False) -> bool:
        """Reopen a phrase; unless nobody was there to do it, it cannot be undone a second time."""
        results = await self.salo.actions.run(f"unsolved reopen {phrase_id}", sure=sure)
        if results and results[-1].exit_code != EXIT_UNREACHABLE:
            self._drafts.undone(phrase_id)
        return bool(results) and not results[-1].exit_code
