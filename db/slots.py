"""When a slot of a token's rate ends: a second after VK certainly had its request. Arithmetic only.

VK counts what arrives in any second. Nobody here sees an arrival, but an answer proves it, so a slot is held until its
request was answered and for a window more, less what VK is known to need for an answer (``server.dispatcher.pace``).
"""

from __future__ import annotations

from collections.abc import Sequence

WINDOW_MS = 1010  # VK counts requests in any second; 10 ms for clocks and journeys that differ
LEAD_MS = 20  # a slot is given so long before it begins: its job decides and writes meanwhile, and then waits
PROOF_S = 0.25  # a worker sends so long after it saw that the lease is ours; then it looks again
HEIR_MS = WINDOW_MS + int(PROOF_S * 1000)  # for what a predecessor's workers may still send


def holds_us(arrived_ms: Sequence[float] = ()) -> str:
    """Return what the scripts take: for how long each used slot is still held, by number; the last for all others.

    ``arrived_ms``: how long ago, by slot, VK certainly had the request.
    """
    ends = [max(int((WINDOW_MS - arrived) * 1000), 0) for arrived in arrived_ms]
    return ",".join(map(str, [*ends, WINDOW_MS * 1000]))
