"""Errors of the engine that some caller acts on."""

from __future__ import annotations

from db.errors import SaloError


class BadJob(SaloError):
    """A job line that breaks the engine protocol: only a bug of the platform's makes one."""


class BaseUnavailable(SaloError):
    """A base's answers can be had neither from MariaDB nor from a snapshot."""


class MayHaveBeenSent(SaloError):
    """A reply was begun too long ago for VK to recognise a repeat: nobody knows whether it was seen."""


class NeedsSlot(SaloError):
    """A job that only composes met something for which VK must be asked: another kind of job does it."""
