"""Keeps this host's index of each base whole and up to date, and finds changes that were written by hand."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from peewee import PeeweeException

from db.base import Base
from db.bases import BaseStore
from db.errors import StorageUnavailable
from db.texts import N_
from engine.tickers.desk import TickDesk
from engine.tickers.finding import Finding

LIMIT_S = 60  # of one statement: rows are counted while others write them

log = logging.getLogger(__name__)


def work(desk: TickDesk) -> Mapping[str, Finding]:
    """Look at each base; one that cannot be served now waits for the next tick. ``StorageUnavailable``: all of them."""
    stores = desk.stores
    silent: StorageUnavailable | None = None
    found: dict[str, Finding] = {}
    for info in BaseStore(stores.redis, stores.settings).list():
        # Of our own: what takes long here must not make talk spare MariaDB.
        base = Base(info.name, stores.settings, LIMIT_S)
        try:
            tended = stores.tending.tend(base)
            found[info.name] = Finding("ok")
            if tended.made or tended.untold:
                log.info("index tended base=%s made=%s untold=%d", info.name, tended.made or "-", tended.untold)
        except StorageUnavailable as error:
            silent = error
            log.info("index not tended now base=%s error=%s", info.name, error)
        except OSError as error:
            found[info.name] = Finding("warn", N_("the index of base {base} cannot be written: {error}"),
                                       {"base": info.name, "error": str(error)[:200]})  # fmt: skip
        except PeeweeException as error:  # its tables are not those of this Salo
            found[info.name] = Finding("warn", N_("the index of base {base} cannot be made: {error}"),
                                       {"base": info.name, "error": str(error)[:200]})  # fmt: skip
        finally:
            base.close()
    if silent is not None and not found:
        raise silent
    wrong = next((finding for finding in found.values() if finding.state != "ok"), Finding("ok"))
    return {"match_index": wrong}
