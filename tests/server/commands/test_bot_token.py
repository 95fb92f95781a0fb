"""``bot token``: the new token counts, its version grows, and neither the answer nor the audit shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from db import audit
from db.bases import Base
from db.errors import NotFound
from db.settings import load_settings
from engine.commands.declare import Face
from engine.commands.roles import Role
from server.commands.context import Actor, PlatformContext, Resources
from server.commands.run import run_line


def test_a_bot_gets_another_token(base: Base, storage_settings: Path, tmp_path: Path) -> None:
    resources = Resources(load_settings(storage_settings, {"SALO_HOME": str(tmp_path / "home")}))
    context = PlatformContext(resources, Actor(Role.OWNER, Face.TERMINAL, "local:root"))
    bot = resources.bots.add("anna", 77, "main", "vk1.a.old", "secret")
    before = resources.bots.config(bot)
    told = run_line(context, "бот токен anna -token vk1.a.canary")
    after = resources.bots.config(bot)
    assert after.token.reveal() == "vk1.a.canary" and after.version > before.version
    assert after.secret.reveal() == "secret"
    assert "canary" not in told.text + str(told.data) + str(audit.page(resources.redis))
    with pytest.raises(NotFound):
        run_line(context, "bot token boris -token vk1.a.canary")
    resources.close()
