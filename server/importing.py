"""Imports answers into a base: a stream of lines in bounded memory, one transaction, refused lines by number.

An answer is a phrase as it is normalised, a text as it is written, and a bot (or all): it is in the base once. A line
whose answer is there already gives it the line's weight, so that an import that is repeated doubles nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO

import redis

from db import delta
from db.base import Base
from db.delta import Change
from db.errors import StorageUnavailable
from db.fields import utc_now
from db.links import redis_client
from db.models import EVERY_BOT, Answer
from db.texts import _
from engine.matching.normalise import normalise, phrase_hash
from server.answer_lines import LINE_MAX, PHRASE_MAX, AnswerLine, BadLine, Format, is_header, parse_answer

LIMIT_S = 600  # for a statement: the end of a large import, or the wait for one that was killed to be rolled back
BATCH, BATCH_BYTES = 1000, 1 << 20  # lines of one statement: MariaDB takes 16 MiB
REFUSED_MAX = 1000  # refused lines that are told; all are counted
_BOM = b"\xef\xbb\xbf"

Progress = Callable[[int, int], None]  # lines and bytes read so far
Batch = list[tuple[AnswerLine, str]]  # answers and their normalised phrases
Identity = tuple[str, bytes]  # hashes of phrase and answer: with the bot, the unique key


@dataclass
class ImportReport:
    """What became of the lines."""

    imported: int = 0  # answers that were not there
    updated: int = 0  # answers that were there: their weight is now the line's
    refused: list[tuple[int, str]] = field(default_factory=list)  # line number (from 1) and reason, the first 1000
    refused_count: int = 0

    def refuse(self, line: int, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_MAX:
            self.refused.append((line, reason))


# Asked first, though INSERT could see for itself: what it finds there it locks with the gaps around it, and nobody
# could add an answer until the import ends. Joined by the whole key: a popular phrase has thousands of answers.
_FIND = """
    WITH wanted (rx_hash, tx_hash) AS (VALUES {values})
    SELECT answers.rx_hash, answers.tx_hash, answers.id, answers.weight, answers.deleted IS NULL
    FROM wanted STRAIGHT_JOIN answers ON answers.rx_hash = wanted.rx_hash AND answers.tx_hash = wanted.tx_hash
        AND answers.bot_id = %s
"""
_BEGIN = "SET @salo_bot = %s, @salo_author = %s, @salo_now = %s"  # the values that all rows share
_ROW = "(%s, %s, %s, %s, %s, @salo_bot, @salo_author, @salo_now, @salo_now)"
_ADD = """
    INSERT INTO answers (rx, rx_norm, rx_hash, tx, weight, bot_id, author, created, updated) VALUES {values}
    ON DUPLICATE KEY UPDATE weight = VALUES(weight), updated = VALUES(updated), deleted = NULL
"""
_CHANGE = "UPDATE answers SET weight = %s, updated = @salo_now, deleted = NULL WHERE id IN ({values})"


class _Undo(Exception):
    """Rolls an import back."""


def import_answers(
    base: Base,
    lines: BinaryIO | Iterable[bytes],
    form: Format,
    on_progress: Progress | None = None,
    strict: bool = False,
    *,
    dry_run: bool = False,
    bot_id: int = EVERY_BOT,
    author: str = "",
    client: redis.Redis | None = None,
) -> ImportReport:
    """Import lines of rx, tx and weight for all bots of the base, or for one, and tell the workers.

    Good lines are imported in one transaction; with ``strict`` none is when any is refused. With ``dry_run`` all is
    done and taken back: the report says what would be. An error (a reader's, ``StorageUnavailable``) imports nothing
    and passes through. A base for a large import is opened with ``LIMIT_S``.
    """
    report = ImportReport()
    told: list[Identity] = []
    try:
        with base.unit():
            for batch in _ahead(_batches(lines, form, report, on_progress)):
                if not (strict and report.refused_count):
                    _note(told, _write(base, batch, bot_id, author, report))
            if dry_run or (strict and report.refused_count):
                raise _Undo
            changes = _changes(told, bot_id)
    except _Undo:
        if strict and report.refused_count:
            report.imported = report.updated = 0
        return report
    _tell(client or redis_client(base.settings), base, changes)
    return report


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Yield the batches; the next one is read by another thread while MariaDB is busy with the last."""
    ours = copy_context()  # the language of what is told

    def read() -> Batch | None:
        return ours.run(lambda: next(batches, None))

    with ThreadPoolExecutor(1, "import") as reader:
        coming = reader.submit(read)
        while (batch := coming.result()) is not None:
            coming = reader.submit(read)
            yield batch


def _batches(
    lines: BinaryIO | Iterable[bytes], form: Format, report: ImportReport, on_progress: Progress | None
) -> Iterator[Batch]:
    """Yield the good lines in batches; note the bad ones."""
    batch: Batch = []
    number = size = batch_from = 0
    for number, line in enumerate(_without_header(bounded_lines(lines), form), 1):
        size += len(line)
        try:
            answer = parse_answer(line, form)
            if answer is not None:
                batch.append((answer, _phrase(answer)))
        except BadLine as error:
            report.refuse(number, str(error))
        if len(batch) == BATCH or size - batch_from > BATCH_BYTES:
            yield batch
            batch, batch_from = [], size
        if on_progress is not None and number % BATCH == 0:
            on_progress(number, size)
    if batch:
        yield batch
    if on_progress is not None:
        on_progress(number, size)


def bounded_lines(lines: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines; of a file's line that is too long, only as much as shows that it is."""
    if not hasattr(lines, "readline"):
        yield from lines
        return
    while line := lines.readline(LINE_MAX + 1):
        yield line
        while len(line) > LINE_MAX and not line.endswith(b"\n"):
            line = lines.readline(LINE_MAX + 1)


def _without_header(lines: Iterator[bytes], form: Format) -> Iterator[bytes]:
    """Replace a first line that names the columns by an empty one, so that the numbers stay; take a BOM off."""
    first = next(lines, b"").removeprefix(_BOM)
    return chain([b"\n" if is_header(first, form) else first], lines)


def _phrase(answer: AnswerLine) -> str:
    """Return the normalised phrase of an answer."""
    rx_norm = normalise(answer.rx)
    if not rx_norm:
        raise BadLine(_("rx has nothing visible in it"))
    if len(rx_norm) > PHRASE_MAX:  # one letter may be a whole phrase: ﷺ
        raise BadLine(_("{name} is longer than {most} letters").format(name="rx", most=PHRASE_MAX))
    return rx_norm


def _write(base: Base, batch: Batch, bot_id: int, author: str, report: ImportReport) -> list[Identity]:
    """Add or update the answers of a batch and return which they are. A row that changes nothing is not written."""
    rows: dict[Identity, tuple[Any, ...]] = {}
    for answer, rx_norm in batch:
        rx_hash = phrase_hash(rx_norm)
        rows[rx_hash, _answer_hash(answer.tx)] = (answer.rx, rx_norm, rx_hash, answer.tx, answer.weight)
    if not rows:
        return []
    new, known = dict(rows), 0
    changed: dict[int, list[int]] = {}  # weight -> ids
    for identity, answer_id, weight, is_alive in _found(base, rows, bot_id):
        wanted = new.pop(identity)[-1]
        known += is_alive
        if weight != wanted or not is_alive:
            changed.setdefault(wanted, []).append(answer_id)
    _execute(base, _BEGIN, (bot_id, author, utc_now()))
    if new:
        _execute(base, _ADD.format(values=", ".join([_ROW] * len(new))), tuple(chain.from_iterable(new.values())))
    for weight, ids in changed.items():
        _execute(base, _CHANGE.format(values=", ".join(["%s"] * len(ids))), (weight, *ids))
    report.imported += len(rows) - known
    report.updated += len(batch) - len(rows) + known
    return list(rows)


def _found(base: Base, identities: Iterable[Identity], bot_id: int) -> Iterator[tuple[Identity, int, int, bool]]:
    """Yield identity, id, weight and whether it is not deleted, of those that are in the base."""
    # Both are hexadecimal digits of our own making.
    values = ", ".join(f"(_ascii'{rx_hash}', x'{tx_hash.hex()}')" for rx_hash, tx_hash in identities)
    for rx_hash, tx_hash, answer_id, weight, is_alive in _execute(base, _FIND.format(values=values), (bot_id,)):
        yield (rx_hash, bytes(tx_hash)), answer_id, weight, bool(is_alive)


def _execute(base: Base, sql: str, values: tuple[Any, ...]) -> Any:
    database: Any = base.database
    return database.execute_sql(sql, values)


def _stored(identities: Iterable[Identity], bot_id: int) -> Iterator[tuple[Any, ...]]:
    """Yield (rx_hash, tx_hash, id, rx_norm, tx, weight) of those that are in the base."""
    wanted = set(identities)
    columns = (Answer.rx_hash, Answer.tx_hash, Answer.id, Answer.rx_norm, Answer.tx, Answer.weight)
    phrases = sorted({rx_hash for rx_hash, _tx_hash in wanted})
    if phrases:
        found = Answer.select(*columns).where(Answer.rx_hash.in_(phrases), Answer.bot_id == bot_id).tuples()
        yield from (row for row in found.iterator() if (row[0], bytes(row[1])) in wanted)


def _answer_hash(tx: str) -> bytes:
    """Return what MariaDB keeps in ``tx_hash``."""
    return hashlib.md5(tx.encode(), usedforsecurity=False).digest()


def _note(told: list[Identity], written: list[Identity]) -> None:
    """Remember what to tell the workers, up to one more than is told one by one."""
    told.extend(written[: delta.RELOAD_ABOVE + 1 - len(told)])


def _changes(told: list[Identity], bot_id: int) -> list[Change]:
    if len(told) > delta.RELOAD_ABOVE:
        return [Change("reload")]
    return [
        Change("set", answer_id, rx_norm, tx, weight, bot_id)
        for _rx_hash, _tx_hash, answer_id, rx_norm, tx, weight in _stored(told, bot_id)
    ]


def _tell(client: redis.Redis, base: Base, changes: list[Change]) -> None:
    """Tell the workers after the commit; an import that is repeated tells them again."""
    try:
        delta.publish(client, base.name, changes)
    except (redis.RedisError, OSError) as error:
        raise StorageUnavailable(_("the answers are in base {base}, but the workers could not be told ({reason}); "
                                   "run the import again").format(base=base.name, reason=error)) from error  # fmt: skip
