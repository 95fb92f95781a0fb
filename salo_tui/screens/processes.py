"""Processes: what the platform runs, how each is, and why it last ended; below them the hosts it shares bots with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from db.protocol import ProcessInfo
from db.texts import N_, _
from salo_tui.feeds import FeedLog
from salo_tui.frame import Frame
from salo_tui.state import State
from salo_tui.widgets.rows import Row
from salo_tui.widgets.span_table import SpanTable
from salo_tui.widgets.table_lines import Column
from salo_tui.words import NOTHING, UNKNOWN, duration, host_look, memory, process_look

WORKERS, WORKERS_LOG = ("worker", "ticker", "finder"), "engine"  # they come and go, and share a log
HOST = "@"  # before a host's name, which may be a process's, too


def columns() -> tuple[Column, ...]:
    """Return the columns, in the language in use."""
    return (
        Column(_("PROCESS"), 16),
        Column(_("STATE"), 12),
        Column(_("PID"), 8, "right"),
        Column(_("UP"), 7, "right"),
        Column(_("MEMORY"), 8, "right"),
        Column(_("RESTARTS"), 8, "right"),
        Column(_("LAST ENDED BY"), 10, fill=True),
    )


def row_of(process: ProcessInfo, *, is_old: bool = False) -> Row:
    """Return a process's row; ``is_old``: nobody knows how it is now."""
    return Row(
        process.name,
        (
            process.name,
            (UNKNOWN if is_old else process_look(process)).cell,
            str(process.pid or NOTHING),
            duration(process.uptime),
            memory(process.memory),
            str(process.restarts),
            process.reason or "",
        ),
    )


def host_row(host: Mapping[str, Any], *, is_old: bool = False) -> Row:
    """Return the row of one of the hosts that share the bots."""
    lanes = _("bots: {count}").format(count=host["lanes"])
    if host["gone_ms"]:
        facts = _("gone for {time}").format(time=duration(host["gone_ms"] / 1000))
    else:
        facts = _("{bots}, this host").format(bots=lanes) if host["is_own"] else lanes
    look = (UNKNOWN if is_old else host_look(host)).cell
    return Row(HOST + host["name"], (HOST + host["name"], look, *[NOTHING] * 4, facts))


class ProcessesScreen(Frame):
    """The list with the log of the process the cursor is on. Engine workers come and go; they cannot be restarted."""

    TITLE_TEXT = N_("Processes")
    DEFAULT_CSS = """
    ProcessesScreen SpanTable { height: 1fr; }
    ProcessesScreen #log { height: 9; }
    ProcessesScreen.-high #log { height: 1fr; }
    ProcessesScreen.-short #log { height: 5; }
    ProcessesScreen.-tiny #log { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "restart", N_("restart"), id="processes.restart"),
        Binding("l,enter", "log", N_("log"), id="processes.log"),
        Binding("tab,f6", "app.focus_next", N_("next pane"), show=False, id="processes.pane"),
    ]

    def body(self) -> ComposeResult:
        yield SpanTable(columns(), id="table")
        yield FeedLog(sources=False, id="log")

    def on_mount(self) -> None:
        self.query_one("#table").focus()

    def show(self, state: State) -> None:
        rows = [row_of(process, is_old=self.is_old) for process in state.processes.values()]
        hosts = [host_row(host, is_old=self.is_old) for host in state.platform.get("hosts", ())]
        self.query_one(SpanTable).set_rows([*rows, *hosts])
        self._show_log()

    def on_span_table_highlighted(self) -> None:
        self._show_log()

    def on_span_table_selected(self) -> None:
        self.action_log()

    def _show_log(self) -> None:
        name = self.query_one(SpanTable).cursor_id
        process = self.salo.state.processes.get(name or "")
        if process is not None:
            source = WORKERS_LOG if process.kind in WORKERS else process.name
            log = self.query_one(FeedLog)
            log.set_title(_("{name} log").format(name=source))
            log.draw_from(self.salo.feeds.of(source))

    def action_restart(self) -> None:
        name = self.query_one(SpanTable).cursor_id
        if name and name in self.salo.state.processes:
            self.run_worker(self.salo.actions.run(f"restart {name}"))

    def action_log(self) -> None:
        name = self.query_one(SpanTable).cursor_id
        if name and name in self.salo.state.processes:
            self.salo.show_log([name])

    def find(self, text: str) -> object:
        return self.query_one(SpanTable).search(text)
