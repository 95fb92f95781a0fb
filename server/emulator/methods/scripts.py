"""``execute``: a script of up to 25 calls that counts as one request; failed calls are told beside the answer.

A fault that is scripted for a call inside hits it as it would alone: an error makes this call fail, whatever strikes
the connection strikes the whole request, after what the script had done up to there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from server.emulator import params as read
from server.emulator.core import Call
from server.emulator.errors import VkError
from server.emulator.faults import Fault
from server.emulator.script import CompileError, Machine, ScriptFault, parse
from server.emulator.script.values import text

Perform = Callable[[str, Call], Any]
_LATE = ("reset_after", "slow")  # faults that let the script run to its end


@dataclass(frozen=True, slots=True)
class Scripted:
    """What a script returned, and which of its calls failed, in the order in which they did."""

    response: Any
    errors: list[dict[str, Any]]

    @property
    def body(self) -> dict[str, Any]:
        return {"response": self.response} | ({"execute_errors": self.errors} if self.errors else {})


class Struck(Exception):
    """A fault of the connection at a call inside a script; ``outcome`` is there when the script came to its end."""

    def __init__(self, fault: Fault, outcome: Scripted | None = None) -> None:
        super().__init__(fault.kind)
        self.fault = fault
        self.outcome = outcome


def execute(call: Call, perform: Perform) -> Scripted:
    """Run the script in ``code``: 12 when it does not compile, 13 when it fails as a whole."""
    code = read.required(call.params, "code")
    inside = _Inside(call, perform)
    try:
        returned = Machine(inside.call, dict(call.params)).run(parse(code))
    except CompileError as error:
        raise VkError(12, str(error)) from None
    except ScriptFault as error:
        raise VkError(13, str(error)) from None
    if inside.errors and call.core.tuning.execute_sums_up:
        inside.errors.append(inside.errors[-1] | {"method": "execute"})
    outcome = Scripted(returned, inside.errors)
    if inside.late is not None:
        raise Struck(inside.late, outcome)
    return outcome


@dataclass(slots=True)
class _Inside:
    """The calls inside one script."""

    outer: Call
    perform: Perform
    errors: list[dict[str, Any]] = field(default_factory=list)
    late: Fault | None = None

    def call(self, method: str, given: dict[str, Any]) -> Any:
        """Make one call; false when it fails."""
        params = {name: text(value) for name, value in given.items() if value is not None}
        core = self.outer.core
        core.calls[method] += 1
        try:
            if method == "execute":
                raise VkError(3)
            self._meet_fault(method, params)
            version = read.version(params) if "v" in params else self.outer.v
            return self.perform(method, Call(core, self.outer.sender, self.outer.community, params, version))
        except VkError as error:
            core.calls[f"{method}:{error.code}"] += 1
            self.errors.append({"method": method, "error_code": error.code, "error_msg": error.text})
            return False

    def _meet_fault(self, method: str, params: dict[str, str]) -> None:
        core = self.outer.core
        fault = core.faults.pick(method, params, self.outer.community.group_id, core.dice)
        if fault is None:
            return
        if fault.kind in ("error", "captcha"):
            raise fault.error()
        if fault.kind not in _LATE:
            raise Struck(fault)
        self.late = self.late or fault
