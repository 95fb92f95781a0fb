"""Fixtures of the server's tests."""

from tests.engine.conftest import storage_tables as storage_tables
