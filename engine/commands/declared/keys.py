"""The key that seals tokens, secrets and codes: out of one host, into another."""

from __future__ import annotations

from db.texts import N_
from engine.commands.declare import Declaration, Face, Needs, Parameter
from engine.commands.values import PATH

_SHELL = frozenset({Face.SHELL})

DECLARATIONS = (
    Declaration(
        name="key export",
        summary=N_("writes this host's key to a file that only you can read, for a host that joins"),
        help=N_(
            "Who has the key and Redis has every token: bring the file by scp, import it, delete it. "
            "- is standard output, unless that is a terminal."
        ),
        parameters=(
            Parameter("file", N_("the file, which must not be there yet; - is standard output"), PATH, required=True,
                      positional=True),
        ),
        faces=_SHELL,
        needs=Needs.SETTINGS,
    ),
    Declaration(
        name="key import",
        summary=N_("takes the key of another host, so that this one opens what Redis holds"),
        help=N_(
            "Refused where this host's own key is the one that opens it, or where the new one does not. "
            "The key of before stays beside the new one."
        ),
        parameters=(
            Parameter("file", N_("the file; - is standard input"), PATH, required=True, positional=True),
            Parameter("force", N_("take it all the same: what it does not open must be set anew"), flag=True),
        ),
        changing=True,
        destructive=True,
        danger=2,
        effect=N_("What the new key does not open has to be set anew; the old key stays beside it."),
        faces=_SHELL,
    ),
)  # fmt: skip
