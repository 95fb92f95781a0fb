"""What the commands of the tests' platform do: those of the real registry, on data instead of storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from db.errors import NotFound, Refused
from db.protocol import CommandResult
from engine.commands.bind import Arguments, bind_mapping
from engine.commands.declare import Declaration
from engine.commands.errors import BadCommand
from engine.commands.registry import registry
from tests.salo_tui.fake_data import FakeData

READ_ONLY_EXIT = 4
Body = Callable[[FakeData, Arguments], CommandResult]
_BODIES: dict[str, Body] = {}


def run(data: FakeData, params: dict[str, Any]) -> CommandResult:
    """Run one ``command`` request. Raises ``SaloError`` as the platform does."""
    line, name = params.get("line"), params.get("name")
    if isinstance(line, str):
        found = registry().find(line)
        declaration, arguments = found.declaration, found.arguments()
    else:
        known = registry().get(str(name))
        if known is None:
            raise BadCommand(registry().unknown(str(name)))
        declaration, arguments = known, bind_mapping(known, params.get("args", {}))
    if params.get("read_only") and declaration.changing:
        refusal = Refused(f"read-only: {declaration.name} would change something")
        refusal.exit_code = READ_ONLY_EXIT
        raise refusal
    return _BODIES.get(declaration.name, _plain(declaration))(data, arguments)


def _plain(declaration: Declaration) -> Body:
    return lambda data, args: CommandResult(f"{declaration.name}: done", dict(args))


def _body(name: str) -> Callable[[Body], Body]:
    def keep(body: Body) -> Body:
        _BODIES[name] = body
        return body

    return keep


# Phrases without an answer.


@_body("unsolved list")
def _unsolved_list(data: FakeData, args: Arguments) -> CommandResult:
    bot, status = args.optional("bot"), args.text("status")
    rows = [row for row in data.unsolved if bot in (None, row["bot"]) and status in ("all", row["status"])]
    first, count = args.integer("offset"), args.integer("count")
    return CommandResult(f"{len(rows)} phrases", {"total": len(rows), "rows": rows[first : first + count]})


@_body("unsolved show")
def _unsolved_show(data: FakeData, args: Arguments) -> CommandResult:
    row = _phrase(data, args)
    nearest = [
        {"rx": "когда доставка", "tx": "Доставляем каждый день с 10 до 22", "score": 0.83},
        {"rx": "[b]сколько[/] ждать", "tx": "Два дня", "score": 0.61},
        {"rx": "\x1b[2Jдоставка \u202eпицы", "tx": "Час", "score": 0.58},
    ]
    answers = {"known": [], "nearest": nearest}
    return CommandResult(row["phrase"], {**row, "edited_ms": None, "asked": [], **answers})


@_body("unsolved answer")
def _unsolved_answer(data: FakeData, args: Arguments) -> CommandResult:
    row = _open_phrase(data, args)
    row.update(status="answered", editor="local:you", answer=args.text("text"))
    whom = row["bot"] if args.flag("own") else f"every bot on base {row['base']}"
    return CommandResult(f"phrase {row['id']} is answered for {whom}", dict(row))


@_body("unsolved reject")
def _unsolved_reject(data: FakeData, args: Arguments) -> CommandResult:
    row = _open_phrase(data, args)
    row.update(status="rejected", editor="local:you")
    return CommandResult(f"phrase {row['id']} is set aside", dict(row))


@_body("unsolved reopen")
def _unsolved_reopen(data: FakeData, args: Arguments) -> CommandResult:
    row = _phrase(data, args)
    row.update(status="open", editor="", answer=None)
    return CommandResult(f"phrase {row['id']} waits again", dict(row))


def _phrase(data: FakeData, args: Arguments) -> dict[str, Any]:
    found = next((row for row in data.unsolved if row["id"] == args.text("id")), None)
    if found is None:
        raise NotFound(f"there is no phrase {args.text('id')}; see: salo unsolved list")
    return found


def _open_phrase(data: FakeData, args: Arguments) -> dict[str, Any]:
    row = _phrase(data, args)
    if row["status"] != "open":
        raise Refused(f"phrase {row['id']} is {row['status']} already, by {row['editor']}: «{row['answer']}»")
    return row


# Dead letters.


@_body("dead list")
def _dead_list(data: FakeData, args: Arguments) -> CommandResult:
    before = args.text("before")
    rows = [row for row in data.dead if not before or _age_key(row["id"]) < _age_key(before)]
    return CommandResult(f"{len(data.dead)} dead letters", rows[: args.integer("count")])


@_body("dead show")
def _dead_show(data: FakeData, args: Arguments) -> CommandResult:
    row = _letter(data, args)
    facts = [f"{name}  {value}" for name, value in row.items() if name not in ("event", "trace")]
    return CommandResult("\n".join([*facts, str(row["event"]), row["trace"]]), row)


@_body("dead replay")
def _dead_replay(data: FakeData, args: Arguments) -> CommandResult:
    row = _letter(data, args)
    data.dead.remove(row)
    return CommandResult(f"dead letter {row['id']} waits for bot {row['bot']} again", {"id": row["id"]})


@_body("dead drop")
def _dead_drop(data: FakeData, args: Arguments) -> CommandResult:
    row = _letter(data, args)
    data.dead.remove(row)
    return CommandResult(f"dead letter {row['id']} is forgotten", {"id": row["id"]})


def _letter(data: FakeData, args: Arguments) -> dict[str, Any]:
    found = next((row for row in data.dead if row["id"] == args.text("id")), None)
    if found is None:
        raise NotFound(f"there is no dead letter {args.text('id')}; see: salo dead list")
    return found


def _age_key(letter: str) -> tuple[int, ...]:
    return tuple(map(int, letter.split("-")))


# Bots, tickers, processes, the platform.


@_body("bot enable")
def _bot_enable(data: FakeData, args: Arguments) -> CommandResult:
    return _switch(data, args.text("name"), True)


@_body("bot disable")
def _bot_disable(data: FakeData, args: Arguments) -> CommandResult:
    return _switch(data, args.text("name"), False)


def _switch(data: FakeData, name: str, enabled: bool) -> CommandResult:
    if name not in data.bots:
        raise NotFound(f"there is no bot {name}")
    data.change_bot(name, enabled=enabled, lane="running" if enabled else "stopped")
    return CommandResult(f"bot {name} is {'enabled' if enabled else 'disabled'}", {"name": name, "enabled": enabled})


@_body("ticker list")
def _ticker_list(data: FakeData, args: Arguments) -> CommandResult:
    return CommandResult(f"{len(data.tickers)} tickers", [asdict(ticker) for ticker in data.tickers])


@_body("ticker pause")
def _ticker_pause(data: FakeData, args: Arguments) -> CommandResult:
    return _set_ticker(data, args, "paused")


@_body("ticker resume")
def _ticker_resume(data: FakeData, args: Arguments) -> CommandResult:
    return _set_ticker(data, args, "waiting")


def _set_ticker(data: FakeData, args: Arguments, state: Any) -> CommandResult:
    name, bot = str(args.get("name") or args.get("ticker")), str(args.get("bot") or "")
    changed = [replace(item, state=state) if (item.name, item.bot) == (name, bot) else item for item in data.tickers]
    if changed == data.tickers:
        raise NotFound(f"there is no ticker {name} {bot}".strip())
    data.tickers[:] = changed
    return CommandResult(f"ticker {name} {bot} is {state}", None)


@_body("status")
def _status(data: FakeData, args: Arguments) -> CommandResult:
    return CommandResult(f"{len(data.bots)} bots\nall of them are known", data.snapshot().as_json())


@_body("ps")
def _ps(data: FakeData, args: Arguments) -> CommandResult:
    return CommandResult("\n".join(info.name for info in data.processes), [asdict(info) for info in data.processes])
