"""The bodies of ``import`` and ``export``: answers in and out of files. They run in the shell's own process."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from db.errors import EXIT_FAILED, EXIT_OK
from db.protocol import CommandResult
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.errors import BadCommand, CommandError
from server.answer_lines import Format
from server.commands.context import PlatformContext
from server.commands.run import bodies
from server.exporting import count_answers, export_answers
from server.importing import LIMIT_S, ImportReport, import_answers

STANDARD = "-"
_BY_SUFFIX: dict[str, Format] = {".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


@bodies.of("import")
def import_file(context: PlatformContext, args: Arguments) -> CommandResult:
    """Import a file and say what became of its lines."""
    file, strict, dry_run = args.text("file"), args.flag("strict"), args.flag("dry-run")
    form = _format(file, args)
    base = context.bases.open(args.text("base"), LIMIT_S)
    try:
        with _source(file) as (lines, size):
            report = import_answers(
                base, lines, form, _progress(context, size), strict,
                dry_run=dry_run, author=context.actor.who, client=context.redis,
            )  # fmt: skip
    finally:
        base.close()
    return _told(report, strict, dry_run)


def _told(report: ImportReport, strict: bool, dry_run: bool) -> CommandResult:
    """Return the summary, with each refused line."""
    undone = strict and report.refused_count > 0
    summary = (
        _("would import {new}, update {old}, refuse {bad}; nothing was changed")
        if dry_run
        else _("imported {new}, updated {old}, refused {bad}")
    )
    text = summary.format(new=report.imported, old=report.updated, bad=report.refused_count)
    lines = [text]
    lines += [_("line {number}: {reason}").format(number=number, reason=reason) for number, reason in report.refused]
    if report.refused_count > len(report.refused):
        lines.append(_("and {count} more").format(count=report.refused_count - len(report.refused)))
    if undone and not dry_run:
        lines.append(_("nothing was imported, since --strict was given"))
    nothing = report.refused_count > 0 and report.imported + report.updated == 0
    data = {
        "imported": report.imported,
        "updated": report.updated,
        "refused": report.refused_count,
        "dry_run": dry_run,
        "lines": [{"line": number, "reason": reason} for number, reason in report.refused],
    }
    return CommandResult("\n".join(lines), data, EXIT_FAILED if nothing else EXIT_OK)


@bodies.of("export")
def export_file(context: PlatformContext, args: Arguments) -> CommandResult:
    """Write the answers of a base to a file, which appears only when it is whole, or to standard output."""
    file = args.text("file")
    form = _format(file, args)
    base = context.bases.open(args.text("base"), LIMIT_S)
    try:
        total = count_answers(base) if context.progress else None
        with _target(file) as target:
            count = 0
            for count, line in enumerate(export_answers(base, form), 1):
                target.write(line)
                if context.progress and count % 500 == 0:
                    context.progress(count, total)
    finally:
        base.close()
    if file == STANDARD:
        return CommandResult("")  # standard output has the answers, and nothing else
    return CommandResult(_("exported to {file}").format(file=file), {"file": file})


def _format(file: str, args: Arguments) -> Format:
    given = args["format"]
    if given:
        return "jsonl" if given == "jsonl" else "tsv"
    if file == STANDARD:
        return "tsv"
    suffix = Path(file).suffix.lower()
    if suffix not in _BY_SUFFIX:
        raise BadCommand(_("{file}: ends with neither .tsv nor .jsonl; say --format tsv or --format jsonl").format(
            file=file))  # fmt: skip
    return _BY_SUFFIX[suffix]


def _progress(context: PlatformContext, size: int | None) -> Callable[[int, int], None] | None:
    show = context.progress
    return None if show is None else lambda _lines, read: show(read, size)


@contextmanager
def _source(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Open what is imported; give its size where it has one."""
    if file == STANDARD:
        yield sys.stdin.buffer, None
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - closed below; only opening it may be the user's error
        status = os.fstat(source.fileno())
    except OSError as error:
        raise _file_error(file, error) from None
    with source:
        yield source, status.st_size if stat.S_ISREG(status.st_mode) else None


@contextmanager
def _target(file: str) -> Iterator[Any]:
    """Open what is exported to; a file is complete under its name, or not there."""
    if file == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = Path(f"{file}.part")
    try:
        with partial.open("wb") as target:
            yield target
        partial.replace(file)
    except OSError as error:
        raise _file_error(file, error) from None
    finally:
        partial.unlink(missing_ok=True)


def _file_error(file: str, error: OSError) -> CommandError:
    return CommandError(_("{file}: {reason}").format(file=file, reason=error.strerror or error))
