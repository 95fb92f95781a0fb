"""Lines of coloured words that are shown as they are given: bars, and sheets of facts. A change sends what changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from salo_tui.widgets.cells import printable
from salo_tui.widgets.fit import fit
from salo_tui.widgets.lean import send_lean
from salo_tui.widgets.table_lines import Piece

TONES = ("title", "good", "warn", "bad", "dim", "key", "accent")
GAP = 2  # cells between what stands left and what stands right

LineOf = tuple[Piece, ...]


class Lines(Widget):
    """Shows lines of pieces, cut at its edge. Tones are those of ``TONES``; text never passes through markup."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in TONES}
    DEFAULT_CSS = """
    Lines { height: auto; }
    Lines > .lines--title { text-style: bold; }
    Lines > .lines--good { color: $text-success; }
    Lines > .lines--warn { color: $text-warning; }
    Lines > .lines--bad { color: $text-error; text-style: bold; }
    Lines > .lines--dim { color: $text-muted; }
    Lines > .lines--key { color: $text-accent; text-style: bold; }
    Lines > .lines--accent { color: $text-accent; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[LineOf, ...] = ()

    def set_lines(self, lines: Iterable[Sequence[Piece | str]]) -> None:
        """Show these lines from the top on."""
        before, self._lines = self._lines, tuple(map(_printable, lines))
        for y in range(max(len(before), len(self._lines))):
            span = changed(_at(before, y), _at(self._lines, y))
            if span is not None and self.is_mounted:
                first, last = span
                self.refresh(Region(first, y, max(0, min(last, self.size.width) - first), 1))

    def on_mount(self) -> None:
        send_lean(self.screen)

    def notify_style_update(self) -> None:
        """Called by Textual when the theme has changed."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        segments = [
            Segment(text, base + self.get_component_rich_style(f"lines--{tone}", partial=True) if tone else base)
            for text, tone in _at(self._lines, y)
        ]
        return Strip(segments).adjust_cell_length(self.size.width, base).simplify()


class Bar(Lines):
    """One line: some pieces from the left edge, some up to the right one. Where both do not fit, the left is cut."""

    DEFAULT_CSS = """
    Bar { height: 1; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: LineOf = ()
        self._right: LineOf = ()

    def set(self, left: Sequence[Piece | str], right: Sequence[Piece | str] = ()) -> None:
        self._left, self._right = _printable(left), _printable(right)
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        if self.size.width:
            self.set_lines([spread(self._left, self._right, self.size.width)])


def spread(left: LineOf, right: LineOf, width: int) -> LineOf:
    """Return one line of ``width`` cells with what stands left and what stands right."""
    right = cut(right, width)
    room = width - cells_of(right) - (GAP if right else 0)
    shown = cut(left, room)
    blank = Piece(" " * (width - cells_of(shown) - cells_of(right)))
    return (*shown, blank, *right)


def cut(pieces: LineOf, width: int) -> LineOf:
    """Return as many of the pieces as fit; the last one ends in ``…`` when something is missing."""
    shown: list[Piece] = []
    left = max(width, 0)
    for piece in pieces:
        size = cell_len(piece.text)
        if size > left:
            return (*shown, Piece(fit(piece.text, left), piece.tone)) if left else tuple(shown)
        shown.append(piece)
        left -= size
    return tuple(shown)


def cells_of(pieces: LineOf) -> int:
    return sum(cell_len(piece.text) for piece in pieces)


def changed(before: LineOf, now: LineOf) -> tuple[int, int] | None:
    """Return from which cell up to which two lines differ; None if they do not."""
    pairs = zip_longest(_cells(before), _cells(now))
    differing = [at for at, (old, new) in enumerate(pairs) if old != new]
    return (differing[0], differing[-1] + 1) if differing else None


def _cells(line: LineOf) -> list[Piece]:
    """Return what stands in each cell; the second cell of a wide sign repeats it."""
    return [Piece(sign, tone) for text, tone in line for sign in text for _cell in range(get_character_cell_size(sign))]


def _printable(line: Sequence[Piece | str]) -> LineOf:
    pieces = (Piece(piece) if isinstance(piece, str) else piece for piece in line)
    return tuple(Piece(printable(text), tone) for text, tone in pieces)


def _at(lines: Sequence[LineOf], y: int) -> LineOf:
    return lines[y] if y < len(lines) else ()
