"""What an error of MariaDB means for whoever must decide: try again, wait, or blame the data."""

from __future__ import annotations

from peewee import DataError, IntegrityError, InterfaceError, PeeweeException
from playhouse.pool import MaxConnectionsExceeded

_LOST = frozenset({1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055})  # gone, killed, or never there
_COLLIDED = frozenset({1205, 1213})  # lock wait, deadlock: the unit was rolled back and may run again
_NOT_NOW = frozenset(
    {
        *(3, 28, 1021, 1026, 1030, 1114, 1180),  # disk
        *(1037, 1038, 1040, 1041, 1135, 1203, 1206, 1226),  # memory, connections, locks
        *(1290, 1317, 1792, 1836, 1969),  # read only, killed query, query limit
    }
)
_UNFIT = frozenset(
    {
        *(1034, 1194, 1195, 1932),  # a damaged table
        *(1044, 1045, 1049, 1054, 1142, 1143, 1146),  # no right, no base, no table, no column: not migrated yet
    }
)


def error_code(error: BaseException) -> int:
    """Return MariaDB's number of an error, or 0."""
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def is_connection_lost(error: BaseException) -> bool:
    """Whether there is no server to talk to: what was sent last may or may not have taken effect."""
    if isinstance(error, MaxConnectionsExceeded):
        return True
    return isinstance(error, PeeweeException) and (
        error_code(error) in _LOST or (isinstance(error, InterfaceError) and not error_code(error))
    )


def is_collision(error: BaseException) -> bool:
    """Whether two units met, and this one was rolled back to let the other pass."""
    return isinstance(error, PeeweeException) and error_code(error) in _COLLIDED


def is_not_now(error: BaseException) -> bool:
    """Whether the server is gone, full, locked or too slow: what was asked may fare better in a while."""
    is_busy = isinstance(error, PeeweeException) and error_code(error) in _NOT_NOW
    return is_connection_lost(error) or is_collision(error) or is_busy


def is_surroundings(error: BaseException) -> bool:
    """Whether the server, rights or a missing schema are to blame: no data would fare better."""
    return is_not_now(error) or error_code(error) in _UNFIT or error_code(error) in _NOT_NOW


def is_bad_data(error: BaseException) -> bool:
    """Whether a value is to blame: it will never fit."""
    return isinstance(error, (DataError, IntegrityError)) and not is_surroundings(error)
