"""A progress bar for long commands of the shell: on stderr, and only where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from server.commands.context import Progress


@contextmanager
def shown_progress() -> Iterator[Progress | None]:
    """Give a function that shows how far a command is; the bar appears at its first call."""
    if not sys.stderr.isatty():
        yield None
        return
    with ExitStack() as stack:
        yield _bar(stack)


def _bar(stack: ExitStack) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task: list[TaskID] = []

    def show(done: int, total: int | None) -> None:
        if not task:
            stack.enter_context(bar)
            task.append(bar.add_task("", total=total))
        bar.update(task[0], completed=done, total=total)

    return show
