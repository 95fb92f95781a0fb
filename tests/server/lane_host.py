"""One host as a process of its own: a dispatcher with its pool, until SIGTERM (drains) or worse.

``python -m tests.server.lane_host CONFIG HOST_ID BOTS LOG``
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from pathlib import Path

from db.bot_config import BotConfig
from db.bots import Bot
from db.links import async_redis_client
from db.settings import load_settings
from server.dispatcher.dispatcher import Dispatcher
from server.dispatcher.pool import Pool
from tests.server.lanes import make_bot, worker_source


async def main(config: str, host_id: str, count: str, log: str) -> None:
    settings = load_settings(Path(config), {"SALO_HOME": str(Path(config).parent)})
    client = async_redis_client(settings)
    pool = Pool(worker_source(Path(log)), settings.engine.workers, settings.engine.jobs_per_worker)
    pool.start()

    async def bots() -> list[tuple[Bot, BotConfig]]:
        return [make_bot(number) for number in range(int(count))]

    dispatcher = Dispatcher(settings, client, bots, pool, host_id, lambda topic, told: None, dice=random.Random(1))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await dispatcher.start()
    await stop.wait()
    await dispatcher.drain(5)
    await pool.stop()
    await client.aclose()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
