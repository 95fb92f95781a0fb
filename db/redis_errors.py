"""What an error of Redis means for whoever must decide: try again later, or blame what was sent."""

from __future__ import annotations

from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

BROKEN = (RedisConnectionError, RedisTimeoutError, OSError)
_REFUSED = (OutOfMemoryError, ReadOnlyError, MasterDownError, ClusterDownError)
_REFUSED_WORDS = ("MISCONF", "BUSY", "NOREPLICAS")  # its disk is full, a script runs for too long, its copies are gone


def is_not_now(error: BaseException) -> bool:
    """Whether Redis is not there, or takes nothing now. Every other error it answers is a bug of ours."""
    if isinstance(error, (*BROKEN, *_REFUSED)):
        return True
    return isinstance(error, ResponseError) and str(error).startswith(_REFUSED_WORDS)
