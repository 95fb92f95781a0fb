"""Binds bodies to declarations: which function does what a command promises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from engine.commands.declare import Declaration
from engine.commands.registry import registry

Body = TypeVar("Body", bound=Callable[..., object])


class Bodies(Generic[Body]):
    """The bodies of one scope, filled by ``@bodies.of("base create")`` above each of them."""

    def __init__(self, scope: Literal["bot", "platform"]) -> None:
        self._scope = scope
        self._bodies: dict[str, Body] = {}

    def of(self, name: str) -> Callable[[Body], Body]:
        """Return the decorator that makes a function the body of the command ``name``."""
        declaration = registry().get(name)
        assert declaration is not None and declaration.name == name, f"no command is declared as {name}"
        assert declaration.scope == self._scope, f"{name} is of the scope {declaration.scope}"

        def keep(body: Body) -> Body:
            assert name not in self._bodies, f"{name} has two bodies"
            self._bodies[name] = body
            return body

        return keep

    def get(self, declaration: Declaration) -> Body:
        """Return the body of a command; that it has one is tested."""
        return self._bodies[declaration.name]

    def missing(self) -> list[str]:
        """Return the declared commands of this scope that lack a body."""
        return [
            item.name for item in registry().declarations if item.scope == self._scope and item.name not in self._bodies
        ]
