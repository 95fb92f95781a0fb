"""What can be wrong with a script: it does not compile, or it fails while it runs."""

from __future__ import annotations


class CompileError(Exception):
    """The script's text makes no sense; VK answers 12."""


class ScriptFault(Exception):
    """The script went wrong or beyond a bound while it ran; VK answers 13."""
