"""A VK on the desk for the demo and the tests: API, Callback, Bots Long Poll, and an interface to make people act.

Built from what VK documents and what libraries found out; checked against VK's own schema and by two clients that
we did not write. What nobody documents can be ordered either way: see ``tuning``.
"""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run an emulator until SIGTERM or SIGINT; its URL is the first line printed."""
    from server.emulator.command import run

    return run(arguments)
