"""The parts of a parsed script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Record:
    members: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Unary:
    sign: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Member:
    """``owner.name``, or ``owner[key]`` when the key is worked out."""

    owner: Expression
    key: Expression


@dataclass(frozen=True, slots=True)
class Pick:
    """``owner@.name``: that member of every item."""

    owner: Expression
    name: str


@dataclass(frozen=True, slots=True)
class ApiCall:
    """``API.section.method(…)``."""

    method: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ValueCall:
    """``owner.push(…)`` and the like; without an owner ``parseInt(…)`` and the like."""

    owner: Expression | None
    name: str
    arguments: tuple[Expression, ...]


Expression = Literal | Name | ListOf | Record | Unary | Binary | Member | Pick | ApiCall | ValueCall


@dataclass(frozen=True, slots=True)
class Declare:
    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Assign:
    target: Name | Member
    value: Expression


@dataclass(frozen=True, slots=True)
class Delete:
    target: Member


@dataclass(frozen=True, slots=True)
class Return:
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    condition: Expression
    then: Statement
    otherwise: Statement


@dataclass(frozen=True, slots=True)
class While:
    condition: Expression
    body: Statement


@dataclass(frozen=True, slots=True)
class Block:
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Evaluate:
    value: Expression


Statement = Declare | Assign | Delete | Return | If | While | Block | Evaluate
