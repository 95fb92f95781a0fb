"""The declarations, one file per subject.

A new file is named here; a new command needs only its place in a file's tuple, and a body.
"""

from __future__ import annotations

from engine.commands.declared import bases, bots, keys, matching, platform, queues, talk, tickers, unsolved

ALL = (
    *talk.DECLARATIONS,
    *platform.DECLARATIONS,
    *bots.DECLARATIONS,
    *bases.DECLARATIONS,
    *matching.DECLARATIONS,
    *keys.DECLARATIONS,
    *queues.DECLARATIONS,
    *tickers.DECLARATIONS,
    *unsolved.DECLARATIONS,
)
