"""The bodies of ``unsolved list|show|answer|reject|reopen``: phrases that no bot could answer, of all bases."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

from peewee import PeeweeException
from redis import RedisError

from db import delta, unsolved, unsolved_edits
from db.base import Base
from db.delta import Change
from db.errors import EXIT_OK, EXIT_UNREACHABLE, NotFound, StorageUnavailable
from db.models import EVERY_BOT, Network
from db.names import checked_name
from db.protocol import CommandResult
from db.texts import _, ngettext
from db.unsolved import State, UnsolvedPhrase, Wanted
from db.unsolved_edits import Editor
from engine.commands.bind import Arguments
from engine.commands.errors import BadCommand
from engine.errors import BaseUnavailable
from engine.matching.normalise import normalise
from engine.matching.readings import readings
from server.answer_text import checked_answer
from server.commands.context import Actor, PlatformContext
from server.commands.run import bodies
from server.commands.tables import age, table

NEAREST_MAX = 5
_ID = re.compile(r"([^/\s]+)/([0-9]{1,18})")

log = logging.getLogger(__name__)

BotNames = dict[int, str]  # bot_id -> name; a removed bot has none


@dataclass(frozen=True, slots=True)
class _Page:
    """Part of the merged list. ``failed`` are bases that MariaDB did not give."""

    total: int
    phrases: list[UnsolvedPhrase]
    failed: list[str]
    read: int  # bases


@bodies.of("unsolved list")
def list_unsolved(context: PlatformContext, args: Arguments) -> CommandResult:
    """List phrases of all bases, of one, or of one bot."""
    names = _bot_names(context)
    page = _page(context, args)
    data = {"total": page.total, "rows": [_data(item, names) for item in page.phrases], "failed": page.failed}
    failures = [_("base {base} cannot be read now").format(base=name) for name in page.failed]
    text = "\n".join([_list_text(page, names, args), *failures])
    return CommandResult(text, data, EXIT_UNREACHABLE if page.failed and not page.read else EXIT_OK)


def _page(context: PlatformContext, args: Arguments) -> _Page:
    """Read a page: of each base first only the order, then the rows that are shown."""
    bases, wanted = _wanted(context, args)
    first, last = args.integer("offset"), args.integer("offset") + args.integer("count")
    failed: list[str] = []
    total, places, opened = 0, list[tuple[int, str, int]](), dict[str, Base]()
    with ExitStack() as stack:
        for name in bases:
            try:
                base = stack.enter_context(_base(context, name))
                count, newest = unsolved.count(base, wanted), unsolved.newest(base, wanted, last)
            except (StorageUnavailable, PeeweeException, NotFound) as error:
                log.warning("base not read base=%s error=%s", name, error)
                failed.append(name)
                if isinstance(error, StorageUnavailable):  # the one server of all bases: not a timeout for each
                    failed += bases[bases.index(name) + 1 :]
                    break
                continue
            opened[name] = base
            total += count
            places += [(-last_ms, name, -number) for last_ms, number in newest]
        shown = sorted(places)[first:last]
        found = {
            name: unsolved.by_ids(base, [-n for _at, of, n in shown if of == name]) for name, base in opened.items()
        }
    phrases = [found[name][-number] for _at, name, number in shown if -number in found[name]]
    return _Page(total, phrases, failed, len(opened))


def _wanted(context: PlatformContext, args: Arguments) -> tuple[list[str], Wanted]:
    """Return the bases to read, and which of their phrases."""
    status, base, bot = args.text("status"), args.optional("base"), args.optional("bot") or context.actor.bot
    state = None if status == "all" else State(status)
    if bot:
        context.check_bot(bot)
        found = context.bots.get(bot)
        return [base or found.base], Wanted(state, found.bot_id)
    if base:
        context.bases.open(base).close()  # one that is not there is told
        return [base], Wanted(state)
    return [info.name for info in context.bases.list()], Wanted(state)


def _list_text(page: _Page, names: BotNames, args: Arguments) -> str:
    if not page.phrases:
        return _("there are no such phrases")
    heads = (_("id"), _("bot"), _("times"), _("age"), _("phrase"), _("status"), _("answer"))
    width = 5 if args.text("status") == State.OPEN else 7
    rows = [
        (item.name, names.get(item.bot_id), item.times, age(item.last_ms), item.phrase, state_word(item.status),
         item.answer or "")[:width]
        for item in page.phrases
    ]  # fmt: skip
    total = ngettext("{count} phrase in all", "{count} phrases in all", page.total).format(count=page.total)
    return table(heads[:width], rows) + "\n" + total


@bodies.of("unsolved show")
def show_unsolved(context: PlatformContext, args: Arguments) -> CommandResult:
    """Show all of one phrase, what the base would say to it by now, and the nearest phrases that it knows."""
    names = _bot_names(context)
    with _phrase(context, args, names) as (base, phrase):
        known = unsolved.known_answers(base, phrase)
        said = [item for item in unsolved.asked(base, phrase) if normalise(item.text) == phrase.rx_norm]
        nearest = _nearest(context, base, phrase)
    data = {
        **_data(phrase, names),
        "edited_ms": phrase.edited_ms,
        "asked": [{"at_ms": item.at_ms, "account": item.account, "peer_id": item.peer_id} for item in said],
        "known": [{"tx": item.tx, "bot": _answerer(item.bot_id, names)} for item in known],
        "nearest": nearest,
    }
    return CommandResult("\n".join(_show_lines(phrase, data)), data)


def _nearest(context: PlatformContext, base: Base, phrase: UnsolvedPhrase) -> list[dict[str, Any]]:
    """Return the phrases that may have been meant with an answer each, the likeliest first; none without an index."""
    from engine.matching.search import find_nearest

    try:
        with context.resources.library() as library:
            index = library.index(base.name, delta.position(context.redis, base.name))
            found = find_nearest(readings(phrase.phrase), index, phrase.bot_id, NEAREST_MAX)
    except BaseUnavailable as error:
        log.info("nearest phrases not found base=%s error=%s", base.name, error)
        return []
    rows = unsolved.answers_by_ids(base, [candidate.rows[0].id for candidate in found])
    near = [(rows[item.rows[0].id], item.score) for item in found if item.rows[0].id in rows]
    return [{"rx": row.rx, "tx": row.tx, "score": score} for row, score in near]


def _show_lines(phrase: UnsolvedPhrase, data: dict[str, Any]) -> Iterator[str]:
    yield phrase.phrase
    facts = [
        (_("id"), phrase.name), (_("bot"), data["bot"] or None), (_("status"), state_word(phrase.status)),
        (_("times"), phrase.times), (_("first asked"), age(phrase.first_ms)), (_("last asked"), age(phrase.last_ms)),
    ]  # fmt: skip
    if phrase.editor:
        facts.append((_("editor"), phrase.editor))
    yield table((_("fact"), _("value")), facts)
    if phrase.answer is not None:
        yield _("answer: {text}").format(text=phrase.answer)
    if data["asked"]:
        rows = ((age(item["at_ms"]), item["account"], item["peer_id"]) for item in data["asked"])
        yield table((_("age"), _("from"), _("conversation")), rows)
    if data["known"] and phrase.status is not State.ANSWERED:
        yield _("it has an answer by now: {text}").format(text=data["known"][0]["tx"])
    if data["nearest"]:
        yield table((_("score"), _("known phrase"), _("answer")), _nearest_rows(data))


def _nearest_rows(data: dict[str, Any]) -> list[tuple[object, ...]]:
    return [(f"{item['score']:.2f}", item["rx"], item["tx"]) for item in data["nearest"]]


@bodies.of("unsolved answer")
def answer_unsolved(context: PlatformContext, args: Arguments) -> CommandResult:
    """Give a phrase its answer and tell the workers."""
    names, tx = _bot_names(context), checked_answer(args.text("text"))
    own = args.flag("own") or bool(context.actor.bot)
    with _phrase(context, args, names) as (base, phrase):
        if own and phrase.bot_id not in names:
            raise BadCommand(_("the bot that was asked is removed; answer without -own"))
        done = unsolved_edits.answer(base, phrase, tx, _editor(context.actor), own=own)
    _tell(context, done.phrase, done.change)
    whose = _("bot {name}").format(name=names[phrase.bot_id]) if own else _("every bot on base {base}").format(
        base=phrase.base)  # fmt: skip
    text = _("{id} is answered; {whose} says it from the next message on").format(id=phrase.name, whose=whose)
    return CommandResult("\n".join([text, *_others(done.others)]), {**_data(done.phrase, names), "others": done.others})


@bodies.of("unsolved reject")
def reject_unsolved(context: PlatformContext, args: Arguments) -> CommandResult:
    """Set a phrase aside."""
    names = _bot_names(context)
    with _phrase(context, args, names) as (base, phrase):
        done = unsolved_edits.reject(base, phrase, _editor(context.actor))
    return CommandResult(_("{id} is rejected").format(id=phrase.name), _data(done.phrase, names))


@bodies.of("unsolved reopen")
def reopen_unsolved(context: PlatformContext, args: Arguments) -> CommandResult:
    """Let a phrase wait again; take its answer back."""
    names = _bot_names(context)
    with _phrase(context, args, names) as (base, phrase):
        done = unsolved_edits.reopen(base, phrase, own=bool(context.actor.bot))
    _tell(context, done.phrase, done.change)
    lines = [_("{id} is open again").format(id=phrase.name)]
    if done.change is not None:
        lines.append(_("taken back: {text}").format(text=done.taken_back))
    data = {**_data(done.phrase, names), "taken_back": done.taken_back, "others": done.others}
    return CommandResult("\n".join([*lines, *_others(done.others)]), data)


def state_word(state: State) -> str:
    """Return the word for a phrase's state in the language in use."""
    return {State.OPEN: _("no answer yet"), State.ANSWERED: _("answered"), State.REJECTED: _("rejected")}[state]


def _others(count: int) -> list[str]:
    """Say what happened to the same phrase of other bots."""
    text = ngettext(
        "so is the same phrase of {count} other bot", "so are the same phrases of {count} other bots", count
    )
    return [text.format(count=count)] if count else []


def _tell(context: PlatformContext, phrase: UnsolvedPhrase, change: Change | None) -> None:
    """Tell the workers, after the commit. Nothing is lost when they cannot be told: idle ones look for themselves."""
    if change is None:
        return
    try:
        delta.publish(context.redis, phrase.base, [change])
    except (RedisError, OSError) as error:
        text = _("{id} is changed in base {base}, but the workers could not be told ({reason}); they find it by "
                 "themselves within a minute")  # fmt: skip
        raise StorageUnavailable(text.format(id=phrase.name, base=phrase.base, reason=error)) from error


@contextmanager
def _phrase(context: PlatformContext, args: Arguments, names: BotNames) -> Iterator[tuple[Base, UnsolvedPhrase]]:
    """Open the base of the phrase that is meant, and find it; ``NotAllowed`` in the chat of another bot."""
    found = _ID.fullmatch(args.text("id"))
    if found is None:
        raise BadCommand(_("an id is the base and a number, as in main/12; see: unsolved list"))
    with _base(context, checked_name("base", found[1])) as base:
        phrase = unsolved.find(base, int(found[2]))
        context.check_bot(names.get(phrase.bot_id, ""))
        yield base, phrase


@contextmanager
def _base(context: PlatformContext, name: str) -> Iterator[Base]:
    """Open a base. Without a platform, which does it at its start, the schema is brought up to date here."""
    with closing(context.bases.open(name)) as base:
        if context.platform is None:
            context.bases.migrate(name)
        yield base


def _bot_names(context: PlatformContext) -> BotNames:
    return {bot.bot_id: bot.name for bot in context.bots.list()}


def _editor(actor: Actor) -> Editor:
    """Return who edits, as the base keeps people: by the network and the account there."""
    who = actor.who.encode("utf-8", "replace").decode()[:64]
    kind, _colon, account = who.partition(":")
    return Editor(account or kind, Network.VK if kind == "vk" else Network.CONSOLE, who)


def _answerer(bot_id: int, names: BotNames) -> str:
    return "" if bot_id == EVERY_BOT else names.get(bot_id, "")


def _data(phrase: UnsolvedPhrase, names: BotNames) -> dict[str, Any]:
    return {
        "id": phrase.name,
        "base": phrase.base,
        "bot": names.get(phrase.bot_id, ""),
        "phrase": phrase.phrase,
        "times": phrase.times,
        "first_ms": phrase.first_ms,
        "last_ms": phrase.last_ms,
        "status": str(phrase.status),
        "editor": phrase.editor,
        "answer": phrase.answer,
    }
