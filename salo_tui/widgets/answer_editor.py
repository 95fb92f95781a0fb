"""The editor of one answer, in place below its list: what was asked, what is known, the answer, how it will read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message

from db.texts import N_, _
from salo_tui.phrases import Draft, Phrase, fault, preview
from salo_tui.sheets import fact
from salo_tui.widgets.draft_area import DraftArea
from salo_tui.widgets.lines import Bar, Lines
from salo_tui.widgets.table_lines import Piece

# From how many rows of the editor on so many show the phrase, and so many what is nearest to it.
ROOM = ((14, 2, 5), (10, 2, 2), (8, 2, 0), (0, 1, 0))


class AnswerEditor(Vertical):
    """Shows one phrase at a time and says what the moderator wants; drafts, and saving, are the screen's."""

    DEFAULT_CSS = """
    AnswerEditor { display: none; height: 12; }
    AnswerEditor > #head { background: $panel; }
    AnswerEditor > #facts { height: 5; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", N_("save and next"), id="unsolved.save"),
        Binding("f2,ctrl+b", "own", N_("for whom"), id="unsolved.own"),
        Binding("f4", "outside", N_("$EDITOR"), id="unsolved.outside"),
        Binding("escape", "close", N_("keep the draft"), id="unsolved.close"),
    ]

    @dataclass
    class Wanted(Message):
        """The moderator wants something done: ``save``, ``outside`` or ``close``."""

        what: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.phrase: Phrase | None = None
        self.own = False
        self._title = ""  # of the bot
        self._times = 0  # that it was asked by now
        self._known: Mapping[str, Any] | None = None  # what ``unsolved show`` told
        self._complaint = ""

    def compose(self) -> ComposeResult:
        yield Bar(id="head")
        yield Lines(id="facts")
        yield DraftArea(_("what to answer"), id="draft")
        yield Lines(id="preview")

    # What the screen tells it.

    def open(self, phrase: Phrase, draft: Draft, bot_title: str) -> None:
        """Let this phrase be answered, beginning with its draft."""
        self.phrase, self.own, self._title, self._times = phrase, draft.own, bot_title, phrase.times
        self._known, self._complaint = None, ""
        self.display = True
        area = self.query_one(DraftArea)
        area.begin(draft.text)
        area.focus()
        self._show()

    def close(self) -> None:
        """Be seen no more. The screen has taken the draft."""
        self.phrase = None
        self.display = False

    def learn(self, phrase_id: str, known: Mapping[str, Any]) -> None:
        """Show what is known of the phrase, if it is still this one."""
        if self.phrase is not None and self.phrase.id == phrase_id:
            self._known = known
            self._show()

    def recount(self, times: int) -> None:
        """Show how often the phrase was asked by now."""
        if times != self._times:
            self._times = times
            self._show()

    def complain(self, text: str) -> None:
        """Say why it was not saved, until the text is changed."""
        self._complaint = " ".join(text.split())
        self._show()

    def put(self, text: str) -> None:
        """Take the text as it is now after an editor outside."""
        self.query_one(DraftArea).begin(text)

    @property
    def draft(self) -> Draft:
        """The answer as it stands."""
        return Draft(self.query_one(DraftArea).text, self.own)

    # What the moderator does.

    def action_save(self) -> None:
        complaint = fault(self.draft.text)
        if complaint:
            self.complain(complaint)
        else:
            self.post_message(self.Wanted("save"))

    def action_own(self) -> None:
        """Let the answer hold for the bot that was asked, or for every bot on its base."""
        if self.phrase is not None and self.phrase.bot:
            self.own = not self.own
            self._show()

    def action_outside(self) -> None:
        self.post_message(self.Wanted("outside"))

    def action_close(self) -> None:
        self.post_message(self.Wanted("close"))

    def on_text_area_changed(self) -> None:
        self._complaint = ""
        self._show()

    def on_resize(self) -> None:
        self._show()

    # How it looks.

    def _show(self) -> None:
        phrase = self.phrase
        if phrase is None or not self.size.width:
            return
        width = self.size.width
        title = _("Answer · {bot} · asked {times}×").format(bot=phrase.bot or phrase.base, times=self._times)
        text = self.query_one(DraftArea).text
        self.query_one("#head", Bar).set([Piece(title, "title")], [Piece(_("draft") if text.strip() else "", "accent")])
        self.query_one("#facts", Lines).set_lines(self._facts(phrase, width))
        self.query_one("#preview", Lines).set_lines(self._last_line(text, width))

    def _facts(self, phrase: Phrase, width: int) -> Sequence[Sequence[Piece]]:
        """Return what is known, in always as many lines: the field below must not move while somebody types."""
        _least, rows, nearest = next(room for room in ROOM if self.size.height >= room[0])
        lines = fact(_("phrase"), phrase.phrase, width, rows=rows)
        lines.append(self._whom(phrase))
        room = rows + 1 + nearest
        self.query_one("#facts").styles.height = room
        return [*lines, *self._nearest(width, room - len(lines))][:room]

    def _whom(self, phrase: Phrase) -> list[Piece]:
        base = _("every bot on base {base}").format(base=phrase.base)
        bot = _("only {bot}").format(bot=phrase.bot)
        label = fact(_("for"), "", 0)[0][0]
        now, other = (bot, base) if self.own else (base, bot)
        hint = Piece(f"   F2: {other}", "dim") if phrase.bot else Piece("")
        return [label, Piece(now, "accent" if self.own else ""), hint]

    def _nearest(self, width: int, rows: int) -> list[list[Piece]]:
        """Return the answers that this phrase, or those most like it, have already."""
        if self._known is None:
            return []
        lines: list[list[Piece]] = []
        for item in self._known.get("known") or ():
            lines += fact(_("has now"), str(item.get("tx", "")), width, tone="warn")
        for item in self._known.get("nearest") or ():
            likeness = f"{float(item.get('score') or 0):.2f}"
            label = _("alike") if not lines else ""
            lines += fact(label, f"{likeness}  «{item.get('rx', '')}» → {item.get('tx', '')}", width, tone="dim")
        return lines[:rows] or fact(_("alike"), _("no phrase that is known"), width, tone="dim")

    def _last_line(self, text: str, width: int) -> list[list[Piece]]:
        if self._complaint:
            return [[Piece(f"✗ {self._complaint}", "bad")]]
        return fact(_("preview"), f"→ {preview(text, self._title)}" if text.strip() else "", width, tone="good")
