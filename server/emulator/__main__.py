"""``python -m server.emulator``: the emulator as a process."""

import sys

from server.emulator import main

sys.exit(main())
