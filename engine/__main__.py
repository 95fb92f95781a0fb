"""One engine worker on descriptor 3: ``python -m engine --config salo.toml``, as any other engine's program runs."""

from __future__ import annotations

import socket
import sys

from engine.process import JOB_FD, read_settings, set_up_logging, start_as_child
from engine.worker import serve


def main() -> int:
    """Serve jobs until the socket closes."""
    settings = read_settings(sys.argv[1:], "engine")
    set_up_logging(settings)
    start_as_child()
    serve(socket.socket(fileno=JOB_FD), settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
