"""What waits in one lane, by conversation: who is next, what is delayed, what is too much. No I/O, no clock.

In order means: the order of acceptance; among the waiting messages of one conversation, by
``conversation_message_id``, since VK posts in parallel and repeats late. An entry once begun stays first in its
conversation until it is settled.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from db.inbox import Entry, Tried

UNTRIED = Tried(0, 0, "")
SET_BACK_MS = 1000  # less is a clock that is told better
LOOKED_AT_MAX = 64  # of conversations whose turn it is, for one that fits
DELAY_MAX_MS = 600_000  # of a try; one that is due later was noted before the clock was set back

_Order = tuple[int, int]  # of acceptance: the two numbers of a stream id


@dataclass(slots=True)
class _Conversation:
    """One peer. ``begun`` is the entry in flight or to be tried again, ``waiting`` are all others."""

    waiting: dict[str, Entry] = field(default_factory=dict)
    by_acceptance: list[tuple[_Order, str]] = field(default_factory=list)
    by_number: list[tuple[int, _Order, str]] = field(default_factory=list)  # messages only
    begun: Entry | None = None

    def push(self, entry: Entry) -> None:
        order = _order(entry)
        self.waiting[entry.entry] = entry
        heapq.heappush(self.by_acceptance, (order, entry.entry))
        if entry.cmid > 0:
            heapq.heappush(self.by_number, (entry.cmid, order, entry.entry))

    def pop(self) -> Entry:
        """Take the oldest; when that is a message, the waiting message of the lowest number instead."""
        return self.waiting.pop(self.first().entry)

    def drop_before(self, entry: Entry) -> list[Entry]:
        """Take out all waiting messages that go before one, by their numbers and by acceptance."""
        before = [one for one in self.waiting.values() if 0 < one.cmid < entry.cmid and _order(one) < _order(entry)]
        return [self.waiting.pop(one.entry) for one in before]

    def first(self) -> Entry:
        """Return what ``pop`` would take."""
        # What one heap gave is dropped from the other when it comes up there.
        while self.by_acceptance[0][1] not in self.waiting:
            heapq.heappop(self.by_acceptance)
        oldest = self.by_acceptance[0][1]
        if self.waiting[oldest].cmid <= 0:
            return self.waiting[oldest]
        while self.by_number[0][2] not in self.waiting:
            heapq.heappop(self.by_number)
        return self.waiting[self.by_number[0][2]]


def _order(entry: Entry) -> _Order:
    first, _, second = entry.entry.partition("-")
    return int(first), int(second or 0)


class Conversations:
    """The entries of one lane that are in memory. Each is known from ``add`` or ``set_aside`` until ``forget``."""

    def __init__(self, waiting_max: int) -> None:
        self._waiting_max = waiting_max  # in one conversation
        self._known: dict[str, int] = {}  # entry -> peer
        self._peers: dict[int, _Conversation] = {}
        self._tried: dict[str, Tried] = {}
        self._ready: deque[int] = deque()  # peers, each once
        self._delayed: list[tuple[int, int]] = []  # (due, peer)
        self._now_ms = 0  # as of the last look; 0: there are delays of another time
        self._ended: set[str] | None = None  # what was forgotten since a reading began; None: nothing is being read
        self.in_flight = 0

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, entry: str) -> bool:
        return entry in self._known or (self._ended is not None and entry in self._ended)

    @property
    def waiting(self) -> int:
        return len(self._known) - self.in_flight

    def tried(self, entry: str) -> Tried:
        return self._tried.get(entry, UNTRIED)

    def later(self, entry: Entry) -> int:
        """Return how many messages of its conversation are known to have come after a message, by their numbers."""
        newest = max((cmid for cmid, _, _ in self._peers[entry.peer_id].by_number), default=0)
        return max(newest - entry.cmid, 0) if entry.cmid > 0 else 0

    def add(self, entry: Entry, tried: Tried = UNTRIED) -> list[Entry]:
        """Let an entry wait. Returns those to be settled as flood, when its conversation grew too long.

        Those are flood, too, that a dead host had passed over before it began ``entry``, and not settled any more.
        """
        self._known[entry.entry] = entry.peer_id
        conversation = self._peers.get(entry.peer_id)
        if conversation is None:
            conversation = self._peers[entry.peer_id] = _Conversation()
        if tried != UNTRIED:
            self._tried[entry.entry] = tried
            if conversation.begun is None:
                return self._begin_again(conversation, entry, tried)
        is_idle = conversation.begun is None and not conversation.waiting
        conversation.push(entry)
        if is_idle:
            self._ready.append(entry.peer_id)
        return [conversation.pop()] if len(conversation.waiting) > self._waiting_max else []

    def set_aside(self, entry: Entry) -> None:
        """Know an entry without offering it: it is being settled unread."""
        self._known[entry.entry] = entry.peer_id

    def has_ready(self, now_ms: int) -> bool:
        """Say whether ``take`` would give something."""
        if now_ms < self._now_ms - SET_BACK_MS or not self._now_ms:
            self._end_far_delays(now_ms)
        self._now_ms = now_ms
        while self._delayed and self._delayed[0][0] <= now_ms:
            self._ready.append(heapq.heappop(self._delayed)[1])
        return bool(self._ready)

    def next_due_ms(self) -> int | None:
        """Return when the next delayed conversation may go on."""
        return self._delayed[0][0] if self._delayed else None

    def take(self, now_ms: int) -> Entry | None:
        """Begin the first entry of the conversation whose turn it is."""
        if not self.has_ready(now_ms):
            return None
        conversation = self._peers[self._ready.popleft()]
        entry = conversation.begun or conversation.pop()
        conversation.begun = entry
        self.in_flight += 1
        return entry

    def bring(self, *, tried: bool) -> None:
        """Let a conversation be the next one whose first entry was ``tried`` before, or was not, if one is ready."""
        for peer_id in self._ready:
            if (self._peers[peer_id].begun is not None) == tried:
                self._ready.remove(peer_id)
                self._ready.appendleft(peer_id)
                return

    def ready(self, now_ms: int) -> int:
        """Return how many conversations ``take`` could begin one after the other."""
        return len(self._ready) if self.has_ready(now_ms) else 0

    def head(self, now_ms: int) -> Entry | None:
        """Return what ``take`` would give, and take nothing."""
        return self._first_of(self._ready[0]) if self.has_ready(now_ms) else None

    def take_those(self, now_ms: int, fits: Callable[[Entry], bool], most: int) -> list[Entry]:
        """Begin up to ``most`` first entries that ``fits``, each of its own conversation; the others keep their turn.

        Looks at ``LOOKED_AT_MAX`` that do not fit.
        """
        taken: list[Entry] = []
        kept: list[int] = []
        while self.has_ready(now_ms) and len(taken) < most and len(kept) < LOOKED_AT_MAX:
            if fits(self._first_of(self._ready[0])):
                entry = self.take(now_ms)
                assert entry is not None
                taken.append(entry)
            else:
                kept.append(self._ready.popleft())
        self._ready.extendleft(reversed(kept))
        return taken

    def has_those(self, now_ms: int, fits: Callable[[Entry], bool]) -> bool:
        """Say whether ``take_those`` would give something."""
        if not self.has_ready(now_ms):
            return False
        return any(fits(self._first_of(peer)) for peer in islice(self._ready, LOOKED_AT_MAX))

    def _first_of(self, peer: int) -> Entry:
        conversation = self._peers[peer]
        return conversation.begun or conversation.first()

    def put_back(self, entry: Entry) -> None:
        """Undo ``take``: nothing was begun, and the turn is still this conversation's."""
        conversation = self._peers[entry.peer_id]
        self.in_flight -= 1
        if self.tried(entry.entry) == UNTRIED:
            # A message of a lower number may still come before it.
            conversation.begun = None
            conversation.push(entry)
        self._ready.appendleft(entry.peer_id)

    def delay(self, entry: Entry, tried: Tried) -> None:
        """Let an entry that was taken, and its conversation behind it, wait until ``tried.due_ms``."""
        self.in_flight -= 1
        self._tried[entry.entry] = tried
        heapq.heappush(self._delayed, (tried.due_ms, entry.peer_id))
        if tried.due_ms > self._now_ms + DELAY_MAX_MS:
            self._now_ms = 0

    def finish(self, entry: Entry) -> None:
        """Forget an entry that was taken and is settled; its conversation goes on."""
        self.in_flight -= 1
        self.forget(entry)
        conversation = self._peers[entry.peer_id]
        conversation.begun = None
        if conversation.waiting:
            self._ready.append(entry.peer_id)
        else:
            del self._peers[entry.peer_id]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Know also what is forgotten meanwhile: it may stand in what was read before it was settled."""
        self._ended = set()
        try:
            yield
        finally:
            self._ended = None

    def forget(self, entry: Entry) -> None:
        """Forget an entry that was never taken: given up as flood, or set aside."""
        if self._ended is not None:
            self._ended.add(entry.entry)
        self._known.pop(entry.entry, None)
        self._tried.pop(entry.entry, None)

    def _begin_again(self, conversation: _Conversation, entry: Entry, tried: Tried) -> list[Entry]:
        """Put an entry that was tried before first. Its conversation may stand among the ready ones already.

        Returns the messages of lower numbers that were accepted before it: it went before them.
        """
        is_ready = bool(conversation.waiting)
        passed = conversation.drop_before(entry)
        conversation.begun = entry
        if is_ready:
            self._ready.remove(entry.peer_id)
        heapq.heappush(self._delayed, (tried.due_ms, entry.peer_id))
        self._now_ms = 0
        return passed

    def _end_far_delays(self, now_ms: int) -> None:
        """Let those go on that are due later than any delay: they would wait for as long as the clock was set back."""
        far = sorted(delayed for delayed in self._delayed if delayed[0] > now_ms + DELAY_MAX_MS)
        if far:
            self._ready.extend(peer_id for _due_ms, peer_id in far)
            self._delayed = [delayed for delayed in self._delayed if delayed[0] <= now_ms + DELAY_MAX_MS]
            heapq.heapify(self._delayed)
