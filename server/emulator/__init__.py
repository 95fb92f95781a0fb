"""A VK on the desk for the demo and the tests: its API, its Callback sender, and an interface to make people write.

Built from what VK documents and what libraries found out; checked against VK's own schema and by two clients that
we did not write. It leaves out Bots Long Poll, visibility modes and the suspension of failing servers.
"""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run an emulator until SIGTERM or SIGINT; its URL is the first line printed."""
    from server.emulator.command import run

    return run(arguments)
