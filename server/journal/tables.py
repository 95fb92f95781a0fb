"""Writes parsed journal rows into the tables of a base. Runs within a unit; what makes it exact is the drain's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from peewee import fn

from db.models import History, Person, Unsolved
from server.journal.rows import HistoryRow, PersonRow, Row, UnsolvedRow

_Key = tuple[str, str]  # account, network


def write_rows(rows: Sequence[Row]) -> None:
    """Add the rows to history, people and unsolved: one statement a table, keys in order, so that none deadlock."""
    history = [row for row in rows if isinstance(row, HistoryRow)]
    if history:
        History.insert_many([_history(row) for row in history]).execute()
    people = merged_people(rows)
    if people:
        _write_people(people)
    unsolved = merged_unsolved(row for row in rows if isinstance(row, UnsolvedRow))
    if unsolved:
        _write_unsolved(unsolved)


def merged_people(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return one row for everybody who wrote or was named: the latest names, and when they were last seen."""
    people: dict[_Key, dict[str, Any]] = {}
    for row in rows:
        if isinstance(row, UnsolvedRow):
            continue
        person = people.setdefault((row.account_id, row.network), _person(row.account_id, row.network, row.time))
        person["last_seen"] = max(person["last_seen"], row.time)
        if isinstance(row, PersonRow):
            person["fi_name"] = row.fi_name or person["fi_name"]
            person["la_name"] = row.la_name or person["la_name"]
            person["user_name"] = person["fi_name"]
    return [people[key] for key in sorted(people)]


def merged_unsolved(rows: Iterable[UnsolvedRow]) -> list[dict[str, Any]]:
    """Return one row for each phrase of each bot, with how often and when it was said."""
    phrases: dict[tuple[str, int], dict[str, Any]] = {}
    for row in rows:
        seen = {"times": 0, "first_seen": row.time, "last_seen": row.time}
        fresh = {"rx": row.rx, "rx_norm": row.rx_norm, "rx_hash": row.rx_hash, "bot_id": row.bot_id, **seen}
        phrase = phrases.setdefault((row.rx_hash, row.bot_id), fresh)
        phrase["times"] += 1
        phrase["first_seen"] = min(phrase["first_seen"], row.time)
        phrase["last_seen"] = max(phrase["last_seen"], row.time)
    return [phrases[key] for key in sorted(phrases)]


def _write_people(people: list[dict[str, Any]]) -> None:
    """Add people, or their news: names they were called by (``user_name``) and rights stay."""
    new = fn.VALUES
    Person.insert_many(people).on_conflict(
        update={
            Person.user_name: fn.IF(Person.user_name == "", new(Person.user_name), Person.user_name),
            Person.fi_name: fn.IF(new(Person.fi_name) == "", Person.fi_name, new(Person.fi_name)),
            Person.la_name: fn.IF(new(Person.la_name) == "", Person.la_name, new(Person.la_name)),
            Person.last_seen: fn.GREATEST(Person.last_seen, new(Person.last_seen)),
        }
    ).execute()


def _write_unsolved(phrases: list[dict[str, Any]]) -> None:
    """Add phrases, or count them up: what moderators made of them stays."""
    new = fn.VALUES
    Unsolved.insert_many(phrases).on_conflict(
        update={
            Unsolved.times: Unsolved.times + new(Unsolved.times),
            Unsolved.first_seen: fn.LEAST(Unsolved.first_seen, new(Unsolved.first_seen)),
            Unsolved.last_seen: fn.GREATEST(Unsolved.last_seen, new(Unsolved.last_seen)),
        }
    ).execute()


def _history(row: HistoryRow) -> dict[str, Any]:
    values = asdict(row)
    values["social_network_id"] = values.pop("network")
    return values


def _person(account_id: str, network: str, seen: datetime) -> dict[str, Any]:
    names = {"fi_name": "", "la_name": "", "user_name": ""}
    return {"account_id": account_id, "social_network_id": network, **names, "last_seen": seen}
