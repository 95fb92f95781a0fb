"""The root of Salo's errors, and those of the ground floor."""

from __future__ import annotations

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_NOT_ALLOWED = range(5)


class SaloError(Exception):
    """Something the reader can act on: the message names the thing, the value, the rule and the way out.

    It never holds a token, a secret or a code. ``exit_code`` is what the shell gets.
    """

    exit_code = EXIT_FAILED


class BadName(SaloError):
    """A bot's or base's name that must not reach SQL, Redis keys or paths."""

    exit_code = EXIT_USAGE


class BadSettings(SaloError):
    """``salo.toml`` cannot be used; nothing was started."""

    exit_code = EXIT_USAGE


class BadJson(SaloError):
    """Bytes that are not JSON, or JSON of a shape that we refuse to carry."""


class StorageUnavailable(SaloError):
    """Redis or MariaDB cannot be reached, or refuses us."""

    exit_code = EXIT_UNREACHABLE


class SealBroken(SaloError):
    """A sealed value was made with another key or for another owner."""


class NotFound(SaloError):
    """A bot or a base of this name does not exist."""


class Refused(SaloError):
    """What was asked cannot be done as things are: a name is taken, a base is in use, messages wait."""


class BadValue(SaloError):
    """A value that a bot's or base's setting may not have."""

    exit_code = EXIT_USAGE
