"""VKScript, the small language of ``execute``: tokens, a tree, and a bounded machine that runs it.

It knows nothing of VK's methods; whoever runs a script passes what ``API.section.method`` does.
"""

from __future__ import annotations

from server.emulator.script.errors import CompileError, ScriptFault
from server.emulator.script.machine import Machine
from server.emulator.script.parser import parse

__all__ = ["CompileError", "Machine", "ScriptFault", "parse"]
