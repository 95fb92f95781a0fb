"""A small app on the terminal's own driver: counts the keys it gets, floods its output or fails when told to."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.events import Key
from textual.message import Message
from textual.widgets import Static

from salo_tui.driver import TerminalDriver


class FaultyDriver(TerminalDriver):
    """Its reader fails at the key ``!``."""

    def process_message(self, message: Message) -> None:
        if isinstance(message, Key) and message.character == "!":
            raise RuntimeError("the reader failed")
        super().process_message(message)


class DriverApp(App[None]):
    """Shows ``keys: n``; ``f`` makes it write more than any terminal takes that is not read."""

    def __init__(self) -> None:
        super().__init__(driver_class=FaultyDriver)
        self._keys = 0
        self._turn = 0

    def compose(self) -> ComposeResult:
        yield Static("keys: 0", id="keys")
        yield Static(id="flood")

    def on_key(self, event: Key) -> None:
        self._keys += 1
        self.query_one("#keys", Static).update(f"keys: {self._keys}")
        if event.key == "f":
            self.set_interval(0.01, self._flood)

    def _flood(self) -> None:
        self._turn += 1
        self.query_one("#flood", Static).update(f"{self._turn % 10}" * 1500)


if __name__ == "__main__":
    DriverApp().run()
