"""The parameters of one method call, as VK reads them: strings, comma-joined lists, 1/0, JSON in strings."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from db.codec import loads
from db.errors import BadJson
from server.emulator.errors import VkError

Params = dict[str, str]
INT64 = range(-(1 << 63), 1 << 63)


async def read_params(request: web.BaseRequest) -> Params:
    """Return query and form together; the form wins. A JSON body is not read, as VK does not."""
    params: Params = dict(request.query)
    if request.method != "POST" or not request.body_exists:
        return params
    if request.content_type == "multipart/form-data":
        form = await request.post()
        return params | {key: value for key, value in form.items() if isinstance(value, str)}
    if request.content_type == "application/json":
        return params
    body = (await request.read()).decode(errors="replace")
    params.update(parse_qsl(body, keep_blank_values=True))
    return params


def text(params: Params, name: str, most: int | None = None) -> str:
    value = params.get(name, "")
    if most is not None and len(value) > most:
        raise VkError(100, f"{name} is too long")
    return value


def required(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise VkError(100, f"{name} is a required parameter")
    return value


def integer(params: Params, name: str, default: int | None = None) -> int:
    """Return an int64 parameter; without a default it is required."""
    value = params.get(name, "")
    if not value:
        if default is None:
            raise VkError(100, f"{name} is a required parameter")
        return default
    return to_int(value, name)


def to_int(value: object, name: str) -> int:
    try:
        number = int(str(value).strip())
    except ValueError:
        raise VkError(100, f"{name} not integer") from None
    if number not in INT64:
        raise VkError(100, f"{name} is out of range")
    return number


def flag(params: Params, name: str) -> bool:
    return params.get(name, "") not in ("", "0")


def words(params: Params, name: str, most: int) -> list[str]:
    """Return a comma-joined list; empty when the parameter is missing."""
    items = [item.strip() for item in params.get(name, "").split(",")]
    items = [item for item in items if item]
    if len(items) > most:
        raise VkError(100, f"{name} should contain no more than {most} items")
    return items


def integers(params: Params, name: str, most: int) -> list[int]:
    return [to_int(item, name) for item in words(params, name, most)]


def json_object(params: Params, name: str) -> dict[str, Any]:
    """Return a JSON object given as a string; empty when missing or null. Null members are dropped."""
    value = params.get(name, "")
    if not value:
        return {}
    try:
        parsed = loads(value)
    except BadJson:
        raise VkError(100, f"{name} should be a valid JSON") from None
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise VkError(100, f"{name} should be a JSON object")
    return {key: item for key, item in parsed.items() if item is not None}


def version(params: Params) -> tuple[int, int]:
    """Return ``v`` as numbers, to compare; a missing or odd one is an invalid request."""
    value = params.get("v", "")
    major, _, minor = value.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise VkError(8, "v (version) is required")
    return int(major), int(minor)
