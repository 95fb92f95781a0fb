"""What a hostile sender posts: real events mutated by seeded dice, wrapped into HTTP of every odd kind. Pure.

The same dice give the same requests, so a seed repeats a run.
"""

from __future__ import annotations

import copy
import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from tests.server.callback_samples import IGNORED, KEPT, REFUSED, SECRET, event

_KINDS = ("message_new", "message_event", "message_allow", "group_join", "group_leave", "wall_post_new", "confirmation")
_NUMBERS = (0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 2_000_000_001, 0.5, 1e308)
_TEXTS = (
    "", "\x00", "\x7f\x1b[2J", "я" * 5000, "🙂" * 50, "\u202e", "ok", "remove", "version 5.80", "'; --", "{user_name}",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": {}}, [None] * 50)
# Raw pieces of JSON, or of what is none, that no encoder writes.
_LITERALS = (
    b"NaN", b"Infinity", b"-Infinity", b"-", b"01", b"1e999", b"9" * 5000, b"-" + b"9" * 5000, b"1." + b"3" * 5000,
    b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000, b"[" * 250 + b"]" * 250,
    b'"\\ud83d"', b'"\\ude42\\ud83d"', b'"\xed\xa0\xbd"', b'"\xff\xfe"', b'"\\u00"', b'"\\x41"', b'"a\nb"', b"'a'",
    b"undefined",
    b'"' + b"\\u0000" * 500 + b'"', b'"' + b"a" * 200_000 + b'"', b"{}//", b"nul", b"",
)  # fmt: skip
_CHARSETS = ("utf-16", "utf-16-le", "utf-32", "cp1251", "koi8-r", "utf-8-sig", "utf-7")
_TYPES = (
    b"text/html", b"application/xml", b"multipart/form-data; boundary=x", b"application/json; charset=cp1251",
    b"\xff", b"",
)  # fmt: skip
_METHODS = (
    b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"CONNECT", b"post", b"PROPFIND", b"X" * 300,
)  # fmt: skip
_PATHS = (
    b"/", b"*", b"/callback", b"/callback/", b"/callback//101", b"//callback/101", b"/callback/101/",
    b"/callback/101/x",
    b"/callback/-1", b"/callback/0", b"/callback/1e3", b"/callback/101%00", b"/callback/%31%30%31", b"/callback/%D9%A1",
    b"/callback/\xff", b"/callback/" + b"9" * 5000, b"/callback/../health", b"/health", b"/health/ready", b"/health/x",
    b"http://other/callback/101", b"/callback/101?" + b"a=b&" * 2000, b"/callback/101#x", b"/static/../../key",
    b"/" + b"a" * 70_000,
)  # fmt: skip
_HEAD = b"POST /callback/101 HTTP/1.1\r\nHost: a\r\n"
_JUNK = (
    b"\r\n\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n", b"POST /callback/101\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"POST /callback/101 HTTP/9.9\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    b"\x00" * 1000, b"POST /callback/101 HTTP/1.1\nHost: a\nContent-Length: 2\n\n{}",
    _HEAD + b"Host: b\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    _HEAD + b"Content-Length: -1\r\n\r\n",
    _HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}",
    _HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _HEAD + b"Transfer-Encoding: gzip\r\n\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 50_000,
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: " + b"t" * 9000 + b"\r\n\r\n",
    _HEAD + b"X: y\r\n" * 300 + b"\r\n",
    _HEAD + b"X: " + b"y" * 500_000 + b"\r\n\r\n",
    _HEAD + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /callback/101 HTTP/1.1\r\nHost : a\r\nContent-Length: 2\r\n\r\n{}",
    _HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attack:
    """What to send on one connection: ``answers`` responses are due, if any; then the sender may hang up by halves."""

    data: bytes
    answers: int = 1
    is_odd: bool = False  # the connection is of no more use, and may end without an answer
    half_close: bool = False


def attack(dice: random.Random) -> Attack:
    """Return the next thing that a hostile sender does; seven of ten are ordinary HTTP with an odd body."""
    if dice.random() < 0.7:
        return Attack(request(mutated(dice)))
    return dice.choice(_ODD)(dice)


def mutated(dice: random.Random) -> bytes:
    """Return one body: a real event, changed up to three times as a value and up to twice as bytes."""
    pick = dice.random()
    if pick < 0.05:
        return dice.choice([*KEPT.values(), *IGNORED.values(), *(raw for _status, raw in REFUSED.values())])
    whole: Any = event(dice.choice(_KINDS))
    whole["event_id"] = f"{dice.getrandbits(160):040x}"
    for _change in range(dice.randrange(4)):
        _change_value(dice, whole)
    raw = json.dumps(whole, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    for _change in range(dice.choice((0, 0, 1, 1, 2))):
        raw = dice.choice(_BYTE_CHANGES)(dice, raw)
    return raw


def request(raw: bytes, path: bytes = b"/callback/101", method: bytes = b"POST", more: bytes = b"") -> bytes:
    head = b"%b %b HTTP/1.1\r\nHost: salo\r\n%bContent-Length: %d\r\n\r\n"
    return head % (method, path, more, len(raw)) + raw


# Values.


def _change_value(dice: random.Random, whole: Any) -> None:
    """Replace, remove, add or nest something somewhere in a value of dicts and lists."""
    place = whole
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not names:
            return
        name = dice.choice(names)
        if isinstance(place[name], dict | list) and place[name] and dice.random() < 0.7:
            place = place[name]
            continue
        break
    match dice.randrange(6):
        case 0:
            place[name] = dice.choice(_NUMBERS)
        case 1:
            place[name] = dice.choice(_TEXTS)
        case 2:
            place[name] = copy.deepcopy(dice.choice(_VALUES))
        case 3:
            del place[name]
        case 4:
            place[name] = {"a": [place[name]]}
        case 5 if isinstance(place, dict):
            place[str(dice.choice(("", "secret", "type", "group_id", "__proto__", "x" * 3000)))] = copy.deepcopy(
                dice.choice(_VALUES)
            )


# Bytes.


def _cut(dice: random.Random, raw: bytes) -> bytes:
    return raw[: dice.randrange(len(raw) + 1)]


def _flip(dice: random.Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(min(dice.randint(1, 4), len(changed))):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


def _insert_literal(dice: random.Random, raw: bytes) -> bytes:
    """Put raw JSON in the place of a text or a number that stands behind a colon."""
    places = [at for at, byte in enumerate(raw) if byte == ord(":")]
    if not places:
        return raw
    at = dice.choice(places) + 1
    end = min((found for found in (raw.find(b",", at), raw.find(b"}", at)) if found > 0), default=len(raw))
    return raw[:at] + dice.choice(_LITERALS) + raw[end:]


def _double_key(dice: random.Random, raw: bytes) -> bytes:
    name = dice.choice((b"secret", b"type", b"group_id", b"event_id", b"object"))
    return b'{"%b":%b,' % (name, dice.choice((b"1", b'"x"', b"null", b'"%b"' % SECRET.encode()))) + raw[1:]


def _recode(dice: random.Random, raw: bytes) -> bytes:
    return raw.decode("utf-8", "replace").encode(dice.choice(_CHARSETS), "replace")


def _pack(dice: random.Random, raw: bytes) -> bytes:
    return dice.choice((gzip.compress, zlib.compress))(raw)


_BYTE_CHANGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _cut,
    _flip,
    _insert_literal,
    _insert_literal,
    _double_key,
    _recode,
    lambda dice, raw: b"\xef\xbb\xbf" + raw,
    lambda dice, raw: raw + dice.choice((b"\x00", b" " * 1000, b"{}", raw)),
    lambda dice, raw: b" " * dice.randrange(1000) + raw,
    _pack,
)


# HTTP.


def _pieces(dice: random.Random, raw: bytes) -> bytes:
    """Return a body without a length: chunked, in pieces of any size."""
    head = b"POST /callback/101 HTTP/1.1\r\nHost: salo\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts, at = [], 0
    while at < len(raw):
        size = dice.choice((1, 7, 100, 5000, 70_000))
        parts.append(b"%x\r\n%b\r\n" % (len(raw[at : at + size]), raw[at : at + size]))
        at += size
        if len(parts) > 200:
            break
    return head + b"".join(parts) + b"0\r\n\r\n"


def _encoded(dice: random.Random) -> Attack:
    raw = orjson.dumps(event())
    bomb = gzip.compress(b" " * 10**6)
    name, packed = dice.choice(
        ((b"gzip", gzip.compress(raw)), (b"gzip", bomb), (b"deflate", zlib.compress(raw)), (b"br", raw))
    )
    return Attack(request(packed, more=b"Content-Encoding: %b\r\n" % name))


_ODD: tuple[Callable[[random.Random], Attack], ...] = (
    lambda dice: Attack(_pieces(dice, mutated(dice))),
    _encoded,
    lambda dice: Attack(request(mutated(dice), more=b"Expect: 100-continue\r\n"), is_odd=True),
    lambda dice: Attack(request(mutated(dice), more=b"Expect: a-miracle\r\n"), is_odd=True),
    lambda dice: Attack(request(mutated(dice), more=b"Content-Type: %b\r\n" % dice.choice(_TYPES)), is_odd=True),
    lambda dice: Attack(b"".join(request(mutated(dice)) for _ in range(4)), answers=4),
    lambda dice: Attack(request(mutated(dice)), half_close=True, is_odd=True),
    lambda dice: Attack(_cut(dice, request(mutated(dice))), is_odd=True, answers=0),
    lambda dice: Attack(_cut(dice, request(mutated(dice))), is_odd=True, half_close=True),
    lambda dice: Attack(request(mutated(dice), method=dice.choice(_METHODS)), is_odd=True),
    lambda dice: Attack(request(mutated(dice), path=dice.choice(_PATHS)), is_odd=True),
    lambda dice: Attack(request(b"x" * 300_000), is_odd=True),
    lambda dice: Attack(dice.choice(_JUNK), is_odd=True),
)
