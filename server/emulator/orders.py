"""Reads the control interface's orders: JSON whose every value is checked, with a reason for what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.emulator.errors import BadOrder


def mapping(order: Any) -> dict[str, Any]:
    if not isinstance(order, dict):
        raise BadOrder(f"{str(order)[:40]!r}: must be a JSON object")
    return order


def each(order: Any, act: Callable[[dict[str, Any]], Any]) -> Any:
    """Carry out one order, or a list of them."""
    return [act(mapping(item)) for item in order] if isinstance(order, list) else act(mapping(order))


def known(order: dict[str, Any], where: str, names: set[str]) -> None:
    """Refuse what ``where`` does not know."""
    unknown = order.keys() - names
    if unknown:
        raise BadOrder(f"{where}: {sorted(unknown)[0]} is not known; known: {', '.join(sorted(names))}")


def positive(order: dict[str, Any], name: str) -> int:
    value = order.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadOrder(f"{name} = {value!r}, must be a whole number above 0")
    return value


def number(order: dict[str, Any], name: str, default: int) -> int:
    value = order.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadOrder(f"{name} = {value!r}, must be a whole number, 0 or more")
    return value


def share(order: dict[str, Any], name: str, default: float) -> float:
    value = order.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise BadOrder(f"{name} = {value!r}, must be a number from 0 to 1")
    return float(value)


def boolean(order: dict[str, Any], name: str, default: bool) -> bool:
    value = order.get(name, default)
    if not isinstance(value, bool):
        raise BadOrder(f"{name} = {value!r}, must be true or false")
    return value


def string(order: dict[str, Any], name: str, default: str | None = None) -> str:
    value = order.get(name, default)
    if not isinstance(value, str):
        raise BadOrder(f"{name} = {value!r}, must be a string")
    return value


def strings(order: dict[str, Any], name: str) -> list[str]:
    value = order.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadOrder(f"{name} = {value!r}, must be a list of names")
    return value


def integers(order: dict[str, Any], name: str) -> list[int]:
    value = order.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
        raise BadOrder(f"{name} = {value!r}, must be a list of ids")
    return value
