"""Runs a parsed script within bounds: how many steps, how deep, how many API calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.emulator.script import values
from server.emulator.script.errors import ScriptFault
from server.emulator.script.tree import (
    ApiCall,
    Assign,
    Binary,
    Block,
    Declare,
    Delete,
    Evaluate,
    Expression,
    If,
    ListOf,
    Literal,
    Member,
    Name,
    Pick,
    Record,
    Return,
    Statement,
    Unary,
    ValueCall,
    While,
)

CALLS_MAX = 25
STEPS_MAX = 50_000  # parts of the tree that are looked at; copying costs a step for each item
DEPTH_MAX = 150

Api = Callable[[str, dict[str, Any]], Any]


class _Returned(Exception):
    """A script's ``return``, on its way out of blocks and loops."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Machine:
    """One run of one script. ``api`` does ``API.method(parameters)`` and returns its value."""

    def __init__(self, api: Api, arguments: dict[str, Any] | None = None) -> None:
        self._api = api
        self._names: dict[str, Any] = {"Args": arguments or {}}
        self._steps = 0
        self._depth = 0
        self._calls = 0

    def run(self, script: Block) -> Any:
        """Return what the script returns, null without a ``return``; raises ``ScriptFault``."""
        try:
            self._do(script)
        except _Returned as returned:
            return values.plain(returned.value)
        return None

    def _step(self, cost: int = 1) -> None:
        self._steps += cost
        if self._steps > STEPS_MAX:
            raise ScriptFault("too many operations")

    def _do(self, statement: Statement) -> None:
        self._step()
        match statement:
            case Block(statements):
                for item in statements:
                    self._do(item)
            case Declare(name, value):
                self._names[name] = self._of(value)
            case Evaluate(value):
                self._of(value)
            case Assign(target, value):
                self._assign(target, self._of(value))
            case Return(value):
                raise _Returned(self._of(value))
            case If(condition, then, otherwise):
                self._do(then if values.is_true(self._of(condition)) else otherwise)
            case While(condition, body):
                while values.is_true(self._of(condition)):
                    self._do(body)
            case Delete(Member(owner, key)):
                values.delete_member(self._of(owner), self._of(key))

    def _assign(self, target: Name | Member, value: Any) -> None:
        if isinstance(target, Name):
            self._known(target.name)
            self._names[target.name] = value
        else:
            values.set_member(self._of(target.owner), self._of(target.key), value)

    def _known(self, name: str) -> Any:
        if name not in self._names:
            raise ScriptFault(f"{name[:40]} is not defined")
        return self._names[name]

    def _of(self, expression: Expression) -> Any:
        """Return an expression's value."""
        self._step()
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise ScriptFault("expression is nested too deep")
        value = self._worked_out(expression)
        self._depth -= 1
        return value

    def _worked_out(self, expression: Expression) -> Any:
        match expression:
            case Literal(value):
                return value
            case Name(name):
                return self._known(name)
            case ListOf(items):
                return [self._of(item) for item in items]
            case Record(members):
                return {name: self._of(item) for name, item in members}
            case Member(owner, key):
                return values.member(self._of(owner), self._of(key))
            case Pick(owner, name):
                return self._picked(self._of(owner), name)
            case ApiCall(method, arguments):
                return self._call(method, [self._of(item) for item in arguments])
            case ValueCall(owner, name, arguments):
                return self._call_value(owner, name, [self._of(item) for item in arguments])
            case Unary(sign, operand):
                return values.unary(sign, self._of(operand))
            case Binary(sign, left, right):
                return self._binary(sign, self._of(left), right)

    def _picked(self, owner: Any, name: str) -> list[Any]:
        items = owner if isinstance(owner, list) else []
        self._step(len(items))
        return [values.member(item, name) for item in items]

    def _binary(self, sign: str, left: Any, right: Expression) -> Any:
        if sign in ("&&", "||"):
            return left if values.is_true(left) == (sign == "||") else self._of(right)
        other = self._of(right)
        self._step(values.weight(left, STEPS_MAX) + values.weight(other, STEPS_MAX))
        return values.binary(sign, left, other)

    def _call_value(self, owner: Expression | None, name: str, arguments: list[Any]) -> Any:
        if owner is not None:
            value = self._of(owner)
            if isinstance(value, list | str) and name not in ("push", "pop"):
                self._step(len(value) if isinstance(value, list) or name == "split" else len(value) >> 10)
            return values.call(value, name, arguments)
        function = values.FUNCTIONS.get(name)
        if function is None:
            raise ScriptFault(f"{name[:40]} is not a function")
        return function(arguments[0] if arguments else None)

    def _call(self, method: str, arguments: list[Any]) -> Any:
        self._calls += 1
        if self._calls > CALLS_MAX:
            raise ScriptFault("too many API calls")
        parameters = arguments[0] if arguments else {}
        if not isinstance(parameters, dict | list):
            raise ScriptFault(f"{method[:40]}: parameters are not an object")
        # A copy, so that a script cannot change what VK keeps.
        return values.plain(self._api(method, parameters if isinstance(parameters, dict) else {}))
