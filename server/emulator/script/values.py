"""What VKScript's operators and the methods of its values do: null, booleans, numbers, strings, lists and objects.

VK documents the names alone. Where JavaScript and PHP differ, what is here is a guess that is easy on the script.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from db.codec import dumps
from server.emulator.script.errors import ScriptFault

STRING_MAX = 1 << 20
ITEMS_MAX = 100_000  # of one list or object
DEPTH_MAX = 64
_INT64 = range(-(1 << 63), 1 << 63)
_NUMBER = re.compile(r"\s*([+-]?\d{1,300}(?:\.\d{1,300})?)", re.ASCII)


def is_true(value: Any) -> bool:
    """As in JavaScript: an empty list is true."""
    return not (value is None or value is False or (isinstance(value, int | float | str) and not value))


def number(value: Any) -> int | float:
    """Return the number that ``value`` begins with, else 0."""
    if isinstance(value, int | float):
        return int(value) if isinstance(value, bool) else value
    match = _NUMBER.match(value) if isinstance(value, str) else None
    if match is None:
        return 0
    return _bounded(float(match[1]) if "." in match[1] else int(match[1]))


def _bounded(value: int | float) -> int | float:
    """A whole number beyond 64 bits becomes a fraction."""
    if isinstance(value, int) and value not in _INT64:
        return float(value)
    return value


def text(value: Any) -> str:
    """Return what ``value`` is as a parameter: lists comma-joined, objects as JSON, booleans 1 and 0."""
    if isinstance(value, list | dict):
        return str(_fits(_container_text(plain(value))))
    return _scalar_text(value)


def _scalar_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    return str(value)


def _container_text(value: list[Any] | dict[str, Any]) -> str:
    if isinstance(value, dict) or any(isinstance(item, dict) for item in value):
        return dumps(value).decode()
    return ",".join(_container_text(item) if isinstance(item, list) else _scalar_text(item) for item in value)


def plain(value: Any) -> Any:
    """Return a copy of ``value`` that can be shown; raises when it is too large, too deep or holds itself."""
    left, letters = ITEMS_MAX, 4 * STRING_MAX

    def copy(part: Any, depth: int) -> Any:
        nonlocal left, letters
        left -= 1
        letters -= len(part) if isinstance(part, str) else 0
        if left < 0 or letters < 0 or depth > DEPTH_MAX:
            raise ScriptFault("response size is too big")
        if isinstance(part, list):
            return [copy(item, depth + 1) for item in part]
        if isinstance(part, dict):
            return {key: copy(item, depth + 1) for key, item in part.items()}
        return part

    return copy(value, 0)


def weight(value: Any, most: int) -> int:
    """Return what copying ``value`` costs: its parts, and a little for each thousand letters; counts up to ``most``."""
    found, todo = 0, [value]
    while todo and found <= most:
        part = todo.pop()
        if isinstance(part, str):
            found += len(part) >> 10
        elif isinstance(part, list | dict):
            found += len(part)
            todo.extend(part.values() if isinstance(part, dict) else part)
    return found


def member(owner: Any, key: Any) -> Any:
    """Return a member or an item; what is not there is null, also of null."""
    if key == "length" and isinstance(owner, list | str):
        return len(owner)
    if isinstance(owner, dict):
        return owner.get(text(key))
    place = _index(key)
    if isinstance(owner, list | str) and place is not None and 0 <= place < len(owner):
        return owner[place]
    return None


def set_member(owner: Any, key: Any, value: Any) -> None:
    if isinstance(owner, dict):
        owner[text(key)] = value
        _fits(owner)
        return
    place = _index(key)
    if not isinstance(owner, list) or place is None or place < 0:
        raise ScriptFault(f"cannot set {text(key)[:40]!r} of what is neither an object nor a list")
    if place > ITEMS_MAX:
        raise ScriptFault("list is too long")
    owner.extend([None] * (place + 1 - len(owner)))
    owner[place] = value


def delete_member(owner: Any, key: Any) -> None:
    place = _index(key)
    if isinstance(owner, dict):
        owner.pop(text(key), None)
    elif isinstance(owner, list) and place is not None and 0 <= place < len(owner):
        del owner[place]


def _index(key: Any) -> int | None:
    if isinstance(key, str):
        return int(key) if key.isdecimal() and len(key) < 10 else None
    return int(key) if isinstance(key, int | float) and abs(key) < 1 << 53 else None


def _fits(made: Any) -> Any:
    if len(made) > (STRING_MAX if isinstance(made, str) else ITEMS_MAX):
        raise ScriptFault("value is too long")
    return made


def equal(left: Any, right: Any) -> bool:
    """Compare loosely: ``"1" == 1``; lists and objects are equal only to themselves."""
    if isinstance(left, bool) or isinstance(right, bool):
        return is_true(left) == is_true(right)
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left is right
    if left is None or right is None or (isinstance(left, str) and isinstance(right, str)):
        return bool(left == right)
    return number(left) == number(right)


def unary(sign: str, operand: Any) -> Any:
    match sign:
        case "!":
            return not is_true(operand)
        case "-":
            return _bounded(-number(operand))
        case "~":
            return ~_whole(operand)
    return number(operand)


def binary(sign: str, left: Any, right: Any) -> Any:
    """Work out any operator but ``&&`` and ``||``, whose right side may never be looked at."""
    if sign == "+":
        return _add(left, right)
    if sign in _COMPARED:
        return _COMPARED[sign](left, right)
    if sign in _BITS:
        return _signed(_BITS[sign](_whole(left), _whole(right)))
    return _reckon(sign, number(left), number(right))


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, list) and isinstance(right, list):
        return _fits(left + right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return _bounded(left + right)
    return _fits(text(left) + text(right))


def _reckon(sign: str, left: int | float, right: int | float) -> int | float:
    try:
        match sign:
            case "-":
                return _bounded(left - right)
            case "*":
                return _bounded(left * right)
            case "%":
                rest = abs(_whole(left)) % abs(_whole(right))
                return -rest if left < 0 else rest
        exact = left / right
        return int(exact) if exact.is_integer() and abs(exact) < 1 << 53 else exact
    except (ArithmeticError, ValueError):
        raise ScriptFault("arithmetic error: division by zero or a number too large") from None


def _whole(value: Any) -> int:
    try:
        return _signed(int(number(value)))
    except (OverflowError, ValueError):
        return 0  # infinite, or not a number


def _signed(value: int) -> int:
    """Return the low 64 bits as a number with a sign."""
    low = value & ((1 << 64) - 1)
    return low - (1 << 64) if low >> 63 else low


def _less(left: Any, right: Any) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    return number(left) < number(right)


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "===": lambda left, right: type(left) is type(right) and equal(left, right),
    "!==": lambda left, right: type(left) is not type(right) or not equal(left, right),
    "<": _less,
    ">": lambda left, right: _less(right, left),
    "<=": lambda left, right: not _less(right, left),
    ">=": lambda left, right: not _less(left, right),
}
_BITS: dict[str, Callable[[int, int], int]] = {
    "&": lambda left, right: left & right,
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
    "<<": lambda left, right: left << (right & 63),
    ">>": lambda left, right: left >> (right & 63),
    ">>>": lambda left, right: (left & ((1 << 64) - 1)) >> (right & 63),
}


def call(owner: Any, name: str, arguments: list[Any]) -> Any:
    """Do what a list's or a string's method does; an unknown one is a fault."""
    kind = list if isinstance(owner, list) else str if isinstance(owner, str) else None
    method = _METHODS.get((kind, name))
    if method is None:
        raise ScriptFault(f"{name[:40]} is not a method of this value")
    return method(owner, arguments)


def _argument(arguments: list[Any], place: int) -> Any:
    return arguments[place] if place < len(arguments) else None


def _push(owner: list[Any], items: list[Any]) -> int:
    owner.extend(items)
    return len(_fits(owner))


def _unshift(owner: list[Any], items: list[Any]) -> int:
    owner[:0] = items
    return len(_fits(owner))


def _splice(owner: list[Any], arguments: list[Any]) -> list[Any]:
    first = _place(_argument(arguments, 0), len(owner))
    count = _argument(arguments, 1)
    last = len(owner) if count is None else min(len(owner), first + max(0, _whole(count)))
    gone = owner[first:last]
    owner[first:last] = arguments[2:]
    _fits(owner)
    return gone


def _place(value: Any, length: int) -> int:
    """Return a position within ``length``; a negative one counts from the end."""
    place = _whole(value)
    return max(0, length + place) if place < 0 else min(place, length)


def _slice(owner: Any, arguments: list[Any]) -> Any:
    end = _argument(arguments, 1)
    last = len(owner) if end is None else _place(end, len(owner))
    return owner[_place(_argument(arguments, 0), len(owner)) : last]


def _substr(owner: str, arguments: list[Any]) -> str:
    first, count = _place(_argument(arguments, 0), len(owner)), _argument(arguments, 1)
    return owner[first:] if count is None else owner[first : first + max(0, _whole(count))]


def _split(owner: str, arguments: list[Any]) -> list[str]:
    by = text(_argument(arguments, 0))
    parts = owner.split(by) if by else list(owner)
    _fits(parts)
    return parts


def _find(owner: list[Any], arguments: list[Any]) -> int:
    wanted = _argument(arguments, 0)
    return next((place for place, item in enumerate(owner) if equal(item, wanted)), -1)


_METHODS: dict[tuple[type | None, str], Callable[[Any, list[Any]], Any]] = {
    (list, "push"): _push,
    (list, "pop"): lambda owner, _: owner.pop() if owner else None,
    (list, "shift"): lambda owner, _: owner.pop(0) if owner else None,
    (list, "unshift"): _unshift,
    (list, "slice"): _slice,
    (list, "splice"): _splice,
    (list, "indexOf"): _find,
    (str, "indexOf"): lambda owner, arguments: owner.find(text(_argument(arguments, 0))),
    (str, "substr"): _substr,
    (str, "slice"): _slice,
    (str, "split"): _split,
}
FUNCTIONS: dict[str, Callable[[Any], int | float]] = {
    "parseInt": lambda value: _whole(value),
    "parseDouble": lambda value: float(number(value)),
}
