"""Help: the keys in force, made from the bindings themselves, so that it cannot be wrong."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import ActiveBinding

from db.texts import N_, _
from salo_tui.frame import Frame
from salo_tui.widgets.dialogs import TextDialog
from salo_tui.widgets.keybar import key_name

KEY_CELLS = 14
WORDS = N_(
    "Salo-G2 is a client of the platform: closing it, or losing ssh, stops no bot.\n"
    "Each action shows the salo … line that does the same in a shell.\n"
    ": runs any command, tab completes, ↑ brings back what was typed."
)


class HelpScreen(TextDialog):
    """The keys of one screen, of the widget that is focused on it, and those that work everywhere."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(_("Help: {screen}").format(screen=" ▸ ".join(frame.crumbs())), "\n".join(help_lines(frame)))


def help_lines(frame: Frame) -> Iterator[str]:
    """Yield the help's lines: first what is nearest to the focus."""
    found = {active.binding.id: active for active in frame.active_bindings.values() if active.binding.id}
    groups: dict[str, list[ActiveBinding]] = {}
    for active in found.values():  # what has no id is Textual's own and for other programs
        groups.setdefault(_where(active, frame), []).append(active)
    for title in (_("In this pane"), _("On this screen"), _("Everywhere")):
        if title in groups:
            yield title
            yield from (_line(active, frame) for active in groups[title])
            yield ""
    yield from _(WORDS).splitlines()


def _where(active: ActiveBinding, frame: Frame) -> str:
    if active.node is frame.app:
        return _("Everywhere")
    return _("On this screen") if active.node is frame else _("In this pane")


def _line(active: ActiveBinding, frame: Frame) -> str:
    """Return one binding's line, with all keys that it has now, and the id to remap it by."""
    ident, binding = active.binding.id, active.binding
    same = [other.binding.key for other in frame.active_bindings.values() if (other.binding.id, other.binding.action)
            == (ident, binding.action)]  # fmt: skip
    keys = " ".join(dict.fromkeys(map(key_name, same)))
    return f"  {keys.ljust(KEY_CELLS)} {_(binding.description).ljust(34)} {ident or ''}".rstrip()
