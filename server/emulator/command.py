"""``salo emulator``: the emulator alone, as a process."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from db.errors import EXIT_FAILED, EXIT_OK
from server.emulator.app import Emulator
from server.emulator.errors import BadOrder
from server.emulator.tuning import Tuning


def run(arguments: list[str] | None) -> int:
    options = _parser().parse_args(arguments)
    changes = {"time_scale": options.time_scale, "rate_limit": options.rate_limit, "timeout_s": options.timeout}
    try:
        tuning = Tuning().changed(changes)
        asyncio.run(_serve(Emulator(options.host, options.port, tuning=tuning, seed=options.seed)))
    except (BadOrder, OSError) as error:
        print(f"emulator: {error}", file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    defaults = Tuning()
    parser = argparse.ArgumentParser(prog="salo emulator", description="A VK on the desk; loopback only by default.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--time-scale", type=float, default=defaults.time_scale, metavar="X", help="0.01: waits / 100")
    parser.add_argument("--rate-limit", type=int, default=defaults.rate_limit, metavar="N", help="calls/s; 0 = none")
    parser.add_argument("--timeout", type=float, default=defaults.timeout_s, metavar="S", help="of a callback")
    parser.add_argument("--seed", type=int, default=None, help="of the faults' dice")
    return parser


async def _serve(emulator: Emulator) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await emulator.start()
    print(emulator.url, flush=True)
    await stop.wait()
    await emulator.stop()
