"""The bodies of ``match``, ``eval`` and ``base calibrate``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from db import codec, delta
from db.base import Base
from db.bot_config import HasThresholds
from db.errors import BadJson
from db.models import EVERY_BOT
from db.protocol import CommandResult
from db.texts import _
from engine.commands.bind import Arguments
from engine.commands.errors import BadCommand, CommandError
from server.commands.context import PlatformContext
from server.commands.indexes import BUILD_LIMIT_S
from server.commands.run import bodies
from server.commands.tables import table
from server.dispatcher.jobs import thresholds

if TYPE_CHECKING:
    from engine.matching.inquiry import Inquiry
    from engine.matching.layers import LayeredIndex
    from engine.matching.match import Thresholds
    from server.match_eval import Judged

STANDARD = "-"
SEED = 1
TX_SHOWN = 60  # letters of an answer


@bodies.of("match")
def match(context: PlatformContext, args: Arguments) -> CommandResult:
    """Say what a phrase is taken for, and why."""
    phrase, base, bot_id, thresholds = args.optional("phrase"), *_asked(context, args)
    if args.flag("jsonl"):
        if phrase or context.platform is not None:
            raise BadCommand(_("with --jsonl the queries come from standard input of a shell"))
        return _match_lines(context, base, bot_id, thresholds, args.flag("explain"))
    if not phrase:
        raise BadCommand(_("say the phrase, or give queries with --jsonl"))
    from engine.matching.inquiry import inquire

    with _index(context, base) as index:
        found = inquire(phrase, index, bot_id, thresholds)
        data = {"q": phrase, "base": base, **asdict(thresholds), **found.as_data()}
    return CommandResult("\n".join(_told(found, thresholds, args.flag("explain"))), data)


def _told(found: Inquiry, thresholds: Thresholds, explain: bool) -> Iterator[str]:
    words = {"answer": _("it is answered"), "suggest": _("it is unsolved, with a suggestion"),
             "unsolved": _("it is unsolved")}  # fmt: skip
    yield words[found.decision]
    for item in found.candidates if explain else found.candidates[:1]:
        yield f"{item.score:.3f}  {item.phrase} → {_one_line(item.rows[0].tx)}"
        yield f"       {'; '.join(found.why(item))}"
    yield _("answered from {answer:.3f}, suggested from {suggest:.3f}; found in {ms:.1f} ms").format(
        answer=thresholds.answer, suggest=thresholds.suggest, ms=found.ms
    )


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TX_SHOWN else line[: TX_SHOWN - 1] + "…"


def _match_lines(
    context: PlatformContext, base: str, bot_id: int, thresholds: Thresholds, explain: bool
) -> CommandResult:
    """Answer each line of standard input with a line."""
    from engine.matching.inquiry import CANDIDATES, inquire
    from engine.matching.match import SUGGESTED_MAX
    from engine.matching.search import load_matcher

    load_matcher()
    with _index(context, base) as index:
        for number, query in _queries(sys.stdin.buffer, STANDARD):
            if not isinstance(query.get("q"), str):
                raise CommandError(_("line {number}: has no q").format(number=number))
            found = inquire(query["q"], index, bot_id, thresholds, CANDIDATES if explain else SUGGESTED_MAX)
            click.echo(codec.dumps({"id": query.get("id"), **found.as_data()}))
    return CommandResult("")


@bodies.of("eval")
def evaluate(context: PlatformContext, args: Arguments) -> CommandResult:
    """Print how well labelled queries are understood, and how fast."""
    from engine.matching.search import load_matcher
    from server import match_eval

    base, bot_id, thresholds = _asked(context, args)
    load_matcher()
    with _source(args.text("file")) as source:
        queries = [query for _number, query in _queries(source, args.text("file"))]
    if not queries or not all(isinstance(query.get("q"), str) for query in queries):
        raise CommandError(_("{file}: there are no queries, or some without a q").format(file=args.text("file")))
    with _index(context, base) as index:
        judged = []
        for done, query in enumerate(queries, 1):
            judged.append(match_eval.judge(query, index, bot_id, thresholds))
            if context.progress and done % 100 == 0:
                context.progress(done, len(queries))
        step = max(len(queries) // 200, 1)
        peer_ms = match_eval.peer_ms([query["q"] for query in queries[::step]], index)
        rows = len(index)
    own = None if args["threshold"] is None else float(args["threshold"])
    by_labels = match_eval.threshold_of(judged)
    threshold = next(value for value in (own, by_labels, thresholds.answer) if value is not None)
    return _evaluated(judged, threshold, peer_ms, rows)


def _evaluated(judged: list[Judged], threshold: float, peer_ms: float, rows: int) -> CommandResult:
    from server import match_eval

    lines = match_eval.lines(judged, threshold)
    median, last = match_eval.percentile_ms(judged, 0.5), match_eval.percentile_ms(judged, 0.99)
    negatives = {line.name for line in lines if line.name.startswith(match_eval.NEGATIVE)}
    shown = [
        (line.name, line.count, "" if line.name in negatives else _percent(line.right), _percent(line.answered),
         "" if line.name in negatives else _percent(line.answered_right))
        for line in lines
    ]  # fmt: skip
    heads = (_("queries"), _("count"), _("right"), _("answered"), _("answered and right"))
    speed = _("one query: median {median:.2f} ms, p99 {last:.2f} ms = {ratio:.1f} x; rapidfuzz over all phrases: "
              "{peer:.2f} ms = {times:.1f} x")  # fmt: skip
    speed = speed.format(median=median, last=last, ratio=last / median, peer=peer_ms, times=peer_ms / median)
    first = _("{rows} answers, threshold {threshold:.4f}").format(rows=rows, threshold=threshold)
    accepted = [item for item in judged if item.cls == match_eval.NEGATIVE and item.score >= threshold]
    data = {
        "rows": rows,
        "threshold": threshold,
        "lines": [asdict(line) for line in lines],
        "median_ms": median,
        "p99_ms": last,
        "rapidfuzz_ms": peer_ms,
        "accepted_negatives": [{"id": item.id, "sub": item.sub, "score": item.score} for item in accepted],
    }
    return CommandResult("\n".join((first, table(heads, shown), speed)), data)


@bodies.of("base calibrate")
def calibrate_base(context: PlatformContext, args: Arguments) -> CommandResult:
    """Find the thresholds that suit a base, and use them if told to."""
    name = args.text("name")
    context.bases.open(name).close()
    if args.flag("reset"):
        context.bases.set_thresholds(name, None, None)
        return CommandResult(_("bots on base {base} use the thresholds of the settings").format(base=name), {})
    share = float(args["accept"])
    if not 0 < share < 1:
        raise BadCommand(_("-accept is a share between 0 and 1"))
    from engine.matching.calibrate import calibrate

    with _index(context, name) as index:
        found = calibrate(index, SEED, context.progress or (lambda done, total: None))
    if not found.foreign:
        raise CommandError(_("base {base} has too few phrases to learn from").format(base=name))
    threshold = found.threshold(share)
    suggest = threshold / 2
    if args.flag("apply"):
        context.bases.set_thresholds(name, round(threshold, 4), round(suggest, 4))
    heads = (_("threshold"), _("foreign phrases answered"), _("misspelt phrases answered"))
    rows = [
        (f"{value:.4f}", _percent(found.answered_foreign(value)), _percent(found.answered_misspelt(value)))
        for value in sorted({0.3, 0.5, 0.7, 0.8, 0.9, 0.95, threshold})
    ]
    text = _("{count} phrases of base {base}: answer from {answer:.4f}, suggest from {suggest:.4f}").format(
        count=len(found.foreign), base=name, answer=threshold, suggest=suggest
    )
    state = _("in use now") if args.flag("apply") else _("to use them, add -apply")
    data = {"threshold": threshold, "suggest_threshold": suggest, "applied": args.flag("apply"),
            "foreign": found.answered_foreign(threshold), "misspelt": found.answered_misspelt(threshold)}  # fmt: skip
    return CommandResult("\n".join((table(heads, rows), text, state)), data)


def _asked(context: PlatformContext, args: Arguments) -> tuple[str, int, Thresholds]:
    """Return the base that is asked, for which bot, and from where on it answers."""
    from engine.matching.match import Thresholds

    bot = context.bots.get(args["bot"]) if args.get("bot") else None
    infos = {info.name: info for info in context.bases.list()}
    name = args.optional("base") or (bot.base if bot else next(iter(infos)) if len(infos) == 1 else None)
    if name is None:
        raise BadCommand(_("say which base or bot is asked: -base NAME or -bot NAME"))
    context.bases.open(name).close()
    given = args["threshold"]
    if given is not None and not 0 <= given <= 1:
        raise BadCommand(_("-threshold is a number from 0 to 1"))
    own: HasThresholds = context.bots.config(bot).or_those_of(infos[name]) if bot else infos[name]
    used = thresholds(context.settings, own)
    answer = used["threshold"] if given is None else given
    return name, bot.bot_id if bot else EVERY_BOT, Thresholds(answer, min(used["suggest_threshold"], answer))


@contextmanager
def _index(context: PlatformContext, base: str) -> Iterator[LayeredIndex]:
    """Give the index of a base. Without a platform, whose ticker makes it, that of a large base is made here."""
    from engine.matching.building import build

    with context.resources.library() as library:
        index = library.index(base, delta.position(context.redis, base))
        if index.ask is not None and context.platform is None:
            opened = Base(base, context.settings, BUILD_LIMIT_S)
            build(opened, context.redis, context.settings.state.index(base), context.progress or (lambda *_: None))
            opened.close()
            index = library.index(base, delta.position(context.redis, base))
        yield index


@contextmanager
def _source(file: str) -> Iterator[Any]:
    if file == STANDARD:
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as source:
            yield source
    except OSError as error:
        raise BadCommand(_("{file}: {reason}").format(file=file, reason=error.strerror)) from None


def _queries(source: Any, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a file of JSON lines, with the numbers of the lines."""
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            query = codec.loads(line)
        except BadJson:
            query = None
        if not isinstance(query, dict):
            raise CommandError(_("{file}, line {number}: is no JSON object").format(file=file, number=number))
        yield number, query


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
