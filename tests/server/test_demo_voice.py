"""The demo's voice where its terminal vanished without a word: nothing is raised, neither at once nor at the exit."""

from __future__ import annotations

import os
import subprocess
import sys

_SPEAK = """
import sys
from server.demo.voice import Voice
voice = Voice(on_stderr=False)
print("ready", file=sys.stderr, flush=True)
sys.stdin.read()
voice.say("how it went")
voice.say_data("{}")
print("and at the exit")
"""


def test_vanished_terminal_ends_nothing() -> None:
    master, slave = os.openpty()
    speaker = subprocess.Popen(
        [sys.executable, "-I", "-c", _SPEAK], stdin=subprocess.PIPE, stdout=slave, stderr=subprocess.PIPE
    )
    os.close(slave)
    assert speaker.stderr is not None and speaker.stderr.readline() == b"ready\n"
    os.close(master)
    _, errors = speaker.communicate(timeout=30)
    assert (speaker.returncode, errors) == (0, b"")
