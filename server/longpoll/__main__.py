"""The listeners as a process: ``python -m server.longpoll --config FILE``. SIGTERM ends it at once.

Polls under way are cut off: what they would have told is told again to whoever asks next from the same place.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from db.bots import BotStore
from db.errors import EXIT_OK, SaloError
from db.links import redis_client
from db.seal import Sealer
from db.settings import load_settings
from server.host import host_id
from server.longpoll.service import Service


def main() -> int:
    """Run until SIGTERM or SIGINT and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.longpoll")
    parser.add_argument("--config", type=Path)
    try:
        settings = load_settings(parser.parse_args().config)
        logging.basicConfig(
            level=settings.platform.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_frame: stop.set())
        settings.state.prepare()
        bots = BotStore(redis_client(settings), settings, Sealer.from_file(settings.state.key))
        Service(settings, bots, f"{host_id(settings.state)}:longpoll", stop).run()
    except SaloError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return EXIT_OK


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # threads that wait for VK must not hold us up
