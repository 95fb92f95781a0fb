"""What Salo does about each VK error: the one table that workers, lanes, tickers and ``docs/vk-errors.md`` read.

The codes are those of VK's schema, and of reports of practice where the schema is silent. A code that is not here is
permanent: its event becomes a dead letter, and the operator is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    """What a failed call leads to. The value is how ``docs/vk-errors.md`` tells it."""

    RETRY = "try again soon; the `random_id` makes a repeat harmless"
    SLOW_DOWN = "pause the bot for a second, longer when it goes on; the attempt does not count"
    COOL_DOWN = "leave this conversation alone for minutes, try once more, then bury"
    PAUSE_METHOD = "pause the method for this bot, longer each time; the attempt does not count"
    STOP_BOT = "stop the bot until it has another token or VK takes this one; the attempt does not count"
    PLAIN = "send it again without what VK refuses"
    SPLIT = "send it again in smaller parts"
    CLOSE = "remember that this peer cannot be written to, and drop the answer"
    DROP = "drop the answer"
    FAIL = "bury the event as a dead letter"


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row. ``after_s`` is the first wait, ``most_s`` the longest of one that doubles.

    ``leaves_out`` are the parameters that ``PLAIN`` does without; ``alerts``: the operator is shown that it happened.
    """

    action: Action
    says: str = ""
    after_s: float | None = None
    most_s: float = 0.0
    leaves_out: tuple[str, ...] = ()
    alerts: bool = False


_FORWARD = ("forward", "forward_messages", "reply_to")
_KEYBOARD = ("keyboard", "template")
_HOUR_S = 3600.0
METHOD_MISSING = "unavailable"  # in the text of error 27 when it is not the token that is refused


def _rows() -> Iterable[tuple[tuple[int, ...], Meaning]]:
    retry, drop, fail = Action.RETRY, Action.DROP, Action.FAIL
    stop, close, plain = Action.STOP_BOT, Action.CLOSE, Action.PLAIN
    yield (1,), Meaning(retry, "unknown error")
    yield (2,), Meaning(stop, "the application is disabled", alerts=True)
    yield (3, 8, 12, 13, 23, 103, 104, 125), Meaning(fail, "a call that makes no sense: a bug", alerts=True)
    yield (5, 28, 1117), Meaning(stop, "the token is revoked, wrong or expired", alerts=True)
    yield (6,), Meaning(Action.SLOW_DOWN, "too many requests per second", 1.0, 8.0)
    yield (7, 15), Meaning(fail, "the token or the community lacks a right", alerts=True)
    yield (9,), Meaning(Action.COOL_DOWN, "flood control: too many identical messages", 180.0)
    yield (10,), Meaning(retry, "internal server error")
    yield (14,), Meaning(Action.PAUSE_METHOD, "a captcha is wanted, which nobody here can solve", 120.0, _HOUR_S,
                         alerts=True)  # fmt: skip
    yield (17,), Meaning(stop, "the account must be validated", alerts=True)
    yield (18, 113), Meaning(close, "the user is deleted, banned or unknown")
    yield (27,), Meaning(stop, "the community's token is revoked; a method that is not for communities is buried",
                         alerts=True)  # fmt: skip
    yield (29,), Meaning(Action.PAUSE_METHOD, "the method's quota is used up", 300.0, _HOUR_S)
    yield (30,), Meaning(drop, "the profile is private")
    yield (36,), Meaning(retry, "the method took too long")
    yield (42,), Meaning(stop, "the token is bound to other IP addresses", alerts=True)
    yield (100,), Meaning(fail, "a parameter is wrong", alerts=True)
    yield (900, 902, 936), Meaning(close, "the person has shut the community out, or is gone")
    yield (901, 1021), Meaning(close, "the person has not allowed messages")
    yield (909, 924), Meaning(fail, "too late to edit or to delete")
    yield (910, 940), Meaning(plain, "too much is attached", leaves_out=("attachment",))
    yield (911,), Meaning(plain, "the keyboard is malformed", leaves_out=_KEYBOARD)
    yield (912,), Meaning(plain, "bot features are off in the community's settings", leaves_out=_KEYBOARD, alerts=True)
    yield (913, 920, 921, 969), Meaning(plain, "what is quoted cannot be forwarded", leaves_out=_FORWARD)
    yield (914,), Meaning(Action.SPLIT, "the message is too long")
    yield (915, 916), Meaning(fail, "the community's messages are off or blocked", alerts=True)
    yield (917, 922, 927), Meaning(close, "the bot is not in the chat, or may not see it")
    yield (925, 935), Meaning(drop, "only an administrator of the chat may, or somebody is not in it")
    yield (932, 945, 946, 962, 1012), Meaning(close, "the chat takes no messages of the bot")
    yield (943, 944), Meaning(plain, "the intent is not allowed", leaves_out=("intent", "subscribe_id"))
    yield (950, 985, 987, 988), Meaning(drop, "the answer is not wanted any more, or not yet")
    yield (983, 984), Meaning(Action.COOL_DOWN, "writing is restricted for a while", 300.0)
    yield (2000,), Meaning(fail, "there are too many callback servers", alerts=True)
    yield (*range(3300, 3306), *range(3609, 3612), 11500), Meaning(stop, "the account must be confirmed", alerts=True)


TABLE: dict[int, Meaning] = {code: row for codes, row in _rows() for code in codes}
UNKNOWN = Meaning(Action.FAIL, "a code that nobody here has seen", alerts=True)


def meaning(code: int, text: str = "") -> Meaning:
    """Return what an error leads to. ``text`` is VK's own: error 27 says two things with one number."""
    if code == 27 and METHOD_MISSING in text.lower():
        return Meaning(Action.FAIL, "the method is not for communities: a bug", alerts=True)
    return TABLE.get(code, UNKNOWN)


def codes_of(action: Action) -> frozenset[int]:
    """Return the codes that lead to an action."""
    return frozenset(code for code, row in TABLE.items() if row.action is action)


def page() -> str:
    """Return ``docs/vk-errors.md``: ``python -m engine.vk.table > docs/vk-errors.md`` after a change here."""
    lines = [_HEAD]
    for codes, row in sorted(_rows(), key=lambda pair: pair[0]):
        names = ", ".join(_spans(codes))
        lines.append(f"| {names} | {row.says} | {_told(row)} |")
    lines.append(f"| any other | {UNKNOWN.says} | {_told(UNKNOWN)} |")
    return "\n".join([*lines, _TAIL])


def _told(row: Meaning) -> str:
    left_out = f" ({', '.join(f'`{name}`' for name in row.leaves_out)})" if row.leaves_out else ""
    waits = ""
    if row.after_s is not None:
        waits = f"; first {row.after_s:g} s" + (f", at most {row.most_s:g} s" if row.most_s else "")
    return row.action.value + left_out + waits + ("; **the operator is told**" if row.alerts else "")


def _spans(codes: tuple[int, ...]) -> list[str]:
    """Return codes as text, three and more in a row as one span."""
    spans: list[list[int]] = []
    for code in sorted(codes):
        if spans and code == spans[-1][-1] + 1:
            spans[-1].append(code)
        else:
            spans.append([code])
    return [f"{span[0]}–{span[-1]}" if len(span) > 2 else ", ".join(map(str, span)) for span in spans]


_HEAD = """# What Salo does about VK's errors

Made from `engine/vk/table.py` by `python -m engine.vk.table`; a test compares them.

| code | VK says | Salo does |
|---|---|---|"""

_TAIL = """
Without a code:

- **No connection, 5xx, HTML, a reset**: a call whose connection was cut is repeated at once, once. After three attempts
  in a row without an answer the bot pauses: one message is tried after 1 s, then 2 s, up to every 15 s, until VK
  answers. No attempt counts.
- **A method that is not answered at all**, twice in a row: the method pauses for this bot, 30 s first, 2 min at most.
- **Most messages of a bot fail** (10 of the last 20 attempts, outages apart): the bot pauses, 30 s at first, 15 min at
  most; one message at a time is tried, and the first that goes well ends it.

While a bot rests, what is written to it waits in its inbox; while a method other than `messages.send` does, jobs do
without it. A pause outlives a restart and a change of hosts (`pauses:<bot>` in Redis), and is shown with the bot:
`salo status`, the terminal, the log. What a repeat sends again is one message to people, by its `random_id`."""


if __name__ == "__main__":
    print(page())
