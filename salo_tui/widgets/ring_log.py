"""The log pane: a ring of lines that is followed or at rest. Adding a line only counts; painting is ``log_view``'s.

Here is what a screen calls, what its keys do, and what it asks of its screen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message

from db.texts import ngettext
from salo_tui.widgets.cells import printable
from salo_tui.widgets.log_colours import CSS
from salo_tui.widgets.log_keys import KEYS
from salo_tui.widgets.log_view import LogView
from salo_tui.widgets.ring import Level, LogLine, Words

SHIFT_CELLS = 8
_LEVELS = (Level.DEBUG, Level.INFO, Level.UNSOLVED, Level.WARNING, Level.ERROR)


class RingLog(LogView, can_focus=True):
    """The last ``lines_max`` lines of a log, followed or at rest.

    Scrolling up lets it rest with the lines of that moment; ``G`` follows again. All methods return at once. New
    lines are painted a few times a second, and nothing is sent while nothing changes.
    """

    DEFAULT_CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = [*KEYS]

    @dataclass
    class Copied(Message):
        """A line went to the clipboard of whoever sits at the terminal, as far as that terminal allows it."""

        log: RingLog
        text: str

    @dataclass
    class SaveWanted(Message):
        """What the filter shows is to be kept in a file."""

        log: RingLog
        lines: list[str]

    @dataclass
    class SearchWanted(Message):
        """Words are to be typed and handed to ``search``."""

        log: RingLog

    @dataclass
    class FilterWanted(Message):
        """Words are to be typed and handed to ``filter``."""

        log: RingLog

    # What a screen calls.

    def add(self, line: LogLine) -> None:
        """Keep one line."""
        self.ring.append(line)
        self._came()

    def add_all(self, lines: Iterable[LogLine]) -> None:
        """Keep many lines; cheaper than one by one."""
        self.ring.extend(lines)
        self._came()

    def add_old(self, lines: Iterable[LogLine]) -> None:
        """Keep lines from before: they say nothing of how fast lines come now."""
        before = self.ring.total
        self.ring.extend(lines)
        self.uncount(self.ring.total - before)

    def add_dropped(self, count: int, at_ms: int) -> None:
        """Say in its place that ``count`` lines never reached the terminal."""
        text = ngettext("{count} line dropped", "{count} lines dropped", count).format(count=count)
        self.add(LogLine(at_ms, Level.NOTICE, text))

    def clear(self) -> None:
        """Forget all lines and follow."""
        self.ring.clear()
        self.reader.follow()
        self._forget_strips()

    @property
    def title(self) -> str:
        return self._title

    def set_title(self, title: str) -> None:
        if self._title != (shown := printable(title)):
            self._title = shown
            self.refresh(Region(0, 0, self.size.width, 1))

    def search(self, text: str) -> int:
        """Mark what holds one of the words of ``err|queue`` and return how many lines do; an empty text ends it."""
        self.ring.set_wanted(self._words(text))
        self.reader.hit = None
        self._forget_strips()
        return self.ring.hits

    def filter(self, text: str, *, inverted: bool = False) -> int:
        """Show only lines with (or without) one of the words; return how many. An empty text shows all."""
        self._sieve(replace(self.ring.sieve, words=self._words(text), inverted=inverted))
        return len(self.ring.shown)

    def _words(self, text: str) -> Words | None:
        """Return what is to be found in what is shown."""
        layout = self._strips.layout
        return Words.parse(text, sources=layout.sources, times=layout.times)

    def filter_sources(self, sources: Iterable[str] | None) -> None:
        """Show only lines from these sources, None = from all."""
        self._sieve(replace(self.ring.sieve, sources=None if sources is None else frozenset(map(printable, sources))))

    def filter_level(self, level: Level) -> None:
        """Show only lines of this level and above."""
        self._sieve(replace(self.ring.sieve, level=level))

    def shown_lines(self) -> list[str]:
        """Return what the filter shows of the ring, as plain lines: for saving."""
        return [self._strips.layout.plain(record) for record in self.ring.shown]

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer in the key bar only what does something now; the help lists all the same."""
        if action == "follow":
            return None if self.reader.follows else True
        if action == "jump":
            return None if self.ring.wanted is None else True
        return True

    def action_move(self, lines: int) -> None:
        self.reader.move(lines)
        self._paint()

    def action_page(self, pages: float) -> None:
        self.action_move(int(pages * self.reader.height) or (1 if pages > 0 else -1))

    def action_shift(self, steps: int) -> None:
        layout = self._strips.layout
        if not layout.wraps:
            self._lay_out(replace(layout, shift=max(0, layout.shift + steps * SHIFT_CELLS)))

    def action_start(self) -> None:
        self.reader.to_start()
        self._paint()

    def action_follow(self) -> None:
        self.reader.follow()
        self._forget_strips()

    def action_toggle_follow(self) -> None:
        if self.reader.follows:
            self.reader.rest()
            self._paint()
        else:
            self.action_follow()

    def action_jump(self, step: int) -> None:
        if self.ring.wanted is not None:
            self.reader.jump(self.ring.wanted, step)
            self._forget_strips()

    def action_level(self, steps: int) -> None:
        at = _LEVELS.index(self.ring.sieve.level) + steps
        self.filter_level(_LEVELS[max(0, min(at, len(_LEVELS) - 1))])

    def action_invert(self) -> None:
        self._sieve(replace(self.ring.sieve, inverted=not self.ring.sieve.inverted))

    def action_toggle_time(self) -> None:
        self._lay_out(replace(self._strips.layout, times=not self._strips.layout.times))
        times, sieve = self._strips.layout.times, self.ring.sieve
        if self.ring.wanted is not None:
            self.ring.set_wanted(replace(self.ring.wanted, times=times))
        if sieve.words is not None:
            self._sieve(replace(sieve, words=replace(sieve.words, times=times)))

    def action_toggle_wrap(self) -> None:
        was_seen = any(seen.record.number == self.reader.hit for seen in self.reader.visible())
        self._lay_out(replace(self._strips.layout, wraps=not self._strips.layout.wraps))
        if was_seen and self.ring.wanted is not None:
            self.reader.show_hit(self.ring.wanted)
            self._forget_strips()

    def action_copy(self) -> None:
        """Copy the hit that was jumped to, or else the lowest line, both only as long as they are seen."""
        records = [seen.record for seen in self.reader.visible()]
        if records:
            record = next((record for record in records if record.number == self.reader.hit), records[-1])
            text = self._strips.layout.plain(record)
            self.app.copy_to_clipboard(text)
            self.post_message(self.Copied(self, text))

    def action_save(self) -> None:
        self.post_message(self.SaveWanted(self, self.shown_lines()))

    def action_search(self) -> None:
        self.post_message(self.SearchWanted(self))

    def action_filter(self) -> None:
        self.post_message(self.FilterWanted(self))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_move(3)
