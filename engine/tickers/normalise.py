"""Normalises anew what is stored in another form: a short step at a time, so that other duties get their turn."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping

from peewee import PeeweeException

from db.base import Base
from db.bases import BaseStore
from db.errors import StorageUnavailable
from db.texts import N_
from engine.matching.normalise import NORMALISER_VERSION
from engine.matching.renormalise import Step, renormalise
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding

STEP_S = 2.0  # of work in one tick
RESERVE_S = 12.0  # that a base may cost which does not answer: none is begun with less

log = logging.getLogger(__name__)


def work(desk: TickDesk) -> Mapping[str, Finding]:
    """Do some of the work and return how far it is. A base that cannot be served now is left for the next tick.

    ``StorageUnavailable`` when that was so with all of them.
    """
    names = [info.name for info in BaseStore(desk.stores.redis, desk.stores.settings).list()]
    random.shuffle(names)  # each gets its turn, also when one takes all the time or does not answer
    until_s = time.monotonic() + min(STEP_S, desk.left_s() - RESERVE_S)
    found: dict[str, Finding] = {}
    silent: StorageUnavailable | None = None
    for name in names:
        if found and time.monotonic() > until_s:
            return {"normalise": _of_all(found, has_more=True)}
        if desk.left_s() < RESERVE_S:
            break
        try:
            found[name] = _finding(name, _one(desk, name, until_s))
        except StorageUnavailable as error:
            silent = error
            log.info("base not normalised now base=%s error=%s", name, error)
        except PeeweeException as error:  # its tables are not those of this Salo
            found[name] = Finding("warn", N_("base {base} cannot be normalised: {error}"),
                                  {"base": name, "error": str(error)[:200]})  # fmt: skip
    if silent is not None and not found:
        raise silent
    return {"normalise": _of_all(found, has_more=False)}


def _one(desk: TickDesk, name: str, until_s: float) -> Step:
    """Work on one base by a way of our own: a lock that we wait for must not make talk spare MariaDB."""
    base = Base(name, desk.stores.settings)
    try:
        return renormalise(base, desk.stores.redis, until_s)
    finally:
        base.close()


def _of_all(found: Mapping[str, Finding], *, has_more: bool) -> Finding:
    """Return the finding that matters most: what is wrong, else what is under way."""
    for finding in found.values():
        if finding.state != "ok":
            return finding
    under_way = next((finding for finding in found.values() if finding.has_more), None)
    return under_way or Finding("ok", has_more=has_more)


def _finding(base: str, step: Step) -> Finding:
    if step.newer is not None:
        text = N_("base {base} was normalised by a newer Salo (version {newer}, here {ours}); update this one")
        return Finding("warn", text, {"base": base, "newer": step.newer, "ours": NORMALISER_VERSION})
    if step.percent < 100:
        text = N_("base {base}: {percent} % of the phrases are normalised anew")
        return Finding("ok", text, {"base": base, "percent": step.percent}, has_more=True)
    return Finding("ok")
