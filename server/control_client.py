"""A plain client of the control socket for the front door: one request, one answer, no events."""

from __future__ import annotations

import socket
import sys
from typing import Any

from db import codec
from db.errors import EXIT_FAILED, BadJson
from db.protocol import LINE_MAX, CommandResult
from db.state import StateDir, reachable
from db.texts import _, current_language
from engine.commands.errors import CommandError, PlatformDown

CONNECT_S = 2.0
ANSWER_S = 3700.0  # a command may change the schema of a large base; the platform itself limits everything else


class RemoteRefusal(CommandError):
    """The platform refused a command; ``exit_code`` is what it would have been here."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ControlClient:
    """One connection. ``connect`` raises ``PlatformDown`` when nobody listens."""

    def __init__(self, door: socket.socket) -> None:
        self._door = door
        self._lines = door.makefile("rb")
        self._number = 0

    @classmethod
    def connect(cls, state: StateDir, answer_s: float = ANSWER_S) -> ControlClient:
        """Reach the platform of a state directory."""
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        door.settimeout(CONNECT_S)
        try:
            door.connect(reachable(state.control_socket))
        except OSError:
            door.close()
            raise PlatformDown(_("no platform runs on {home}; start it: salo run").format(home=state.root)) from None
        door.settimeout(answer_s)
        return cls(door)

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._lines.close()
        self._door.close()

    def platform_pid(self) -> int:
        """Return the pid of who listens, as the kernel knows it."""
        peer = self._door.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(peer[:4], sys.byteorder)

    def command(self, name: str, args: dict[str, Any]) -> CommandResult:
        """Run a command there. Raises ``RemoteRefusal``."""
        params = {"name": name, "args": args, "face": "shell", "language": current_language()}
        result = self.call("command", params)
        return CommandResult(result["text"], result["data"], result["exit_code"])

    def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a method. Raises ``RemoteRefusal``, or ``PlatformDown`` when the platform goes away."""
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        try:
            self._door.sendall(codec.dumps(request) + b"\n")
            line = self._lines.readline(LINE_MAX + 1)
        except OSError as error:
            raise PlatformDown(_("the platform does not answer: {reason}").format(reason=error)) from None
        if not line.endswith(b"\n"):
            raise PlatformDown(_("the platform went away before it answered"))
        return _result(line)


def _result(line: bytes) -> Any:
    try:
        answer = codec.loads(line)
        if "error" in answer:
            error = answer["error"]
            raise RemoteRefusal(error["message"], int((error.get("data") or {}).get("exit_code", EXIT_FAILED)))
        return answer["result"]
    except (BadJson, KeyError, TypeError) as error:
        text = _("the platform answered something else than JSON-RPC: {reason}")
        raise CommandError(text.format(reason=error)) from None
