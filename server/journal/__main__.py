"""The journal writer as a process: ``python -m server.journal --config FILE``. SIGTERM ends it after the batch."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from db.errors import SaloError
from db.one_line import log_to_stderr
from db.settings import load_settings
from server.host import host_id
from server.journal.writer import Writer


def main() -> int:
    """Run until SIGTERM or SIGINT and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.journal")
    parser.add_argument("--config", type=Path)
    try:
        settings = load_settings(parser.parse_args().config)
        log_to_stderr(settings.platform.log_level.upper(), "%(asctime)s %(levelname)s %(name)s: %(message)s")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_frame: stop.set())
        settings.state.prepare()
        Writer(settings, f"{host_id(settings.state)}:journal", stop).run()
    except SaloError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
