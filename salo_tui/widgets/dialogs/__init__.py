"""Questions and texts that lie over a screen until they are answered or read."""

from salo_tui.widgets.dialogs.confirm import ConfirmBox, ConfirmLine, ConfirmName
from salo_tui.widgets.dialogs.leave import LeaveDialog, Leaving
from salo_tui.widgets.dialogs.text import TextDialog

__all__ = ["ConfirmBox", "ConfirmLine", "ConfirmName", "LeaveDialog", "Leaving", "TextDialog"]
