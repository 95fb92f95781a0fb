"""Why a lane rests, and until when: a refused token, a silent VK, a method out of quota, messages that mostly fail.

Every reason works alike. It opens a pause; when that is over, one job goes out as a probe while all others wait; what
VK says to the probe ends the pause or lengthens it. Jobs that began before say nothing of it. No I/O and no clock here:
times come in, changes go out, and the lane keeps them in Redis (``keeping.py``), so that an heir goes on from them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.vk.table import Action
from server.dispatcher.breaker import Tally, length_s
from server.dispatcher.trial import SEND, Failure, Trial

TOKEN, VK, RATE, BREAKER = "token", "vk", "rate", "breaker"
METHOD, NOTICE = "method:", "notice:"  # and the method's name, or VK's code; without SEND a lane has nothing to do
PAUSES_MAX = 32  # notices of one bot, and names that are remembered
AHEAD_MAX_MS = 2 * 3_600_000  # what is said to last longer was said before the clock was set back


@dataclass(frozen=True, slots=True)
class Pause:
    """One reason to rest. Times by Redis' clock. ``step``: how often it was lengthened; ``proof``: what it is about."""

    kind: str
    reason: str
    since_ms: int
    until_ms: int
    step: int = 0
    code: int = 0  # VK's, 0 without one
    proof: str = ""

    @property
    def is_notice(self) -> bool:
        """Is it only to be shown?"""
        return self.kind.startswith(NOTICE)

    @property
    def shuts(self) -> bool:
        """Does the lane rest for it?"""
        return self.kind in (TOKEN, VK, RATE, BREAKER, METHOD + SEND)

    def is_waiting(self, now_ms: int) -> bool:
        """Is it too early for a probe?"""
        return 0 < self.until_ms - now_ms <= AHEAD_MAX_MS


@dataclass(frozen=True, slots=True)
class Rule:
    """How long a pause lasts, and how many failures in a row open it. One that comes back soon goes on growing."""

    first_s: float
    most_s: float
    in_a_row: int = 1
    remembered_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """The lengths. Tests shorten them all by ``scale``."""

    token: Rule = Rule(60.0, 60.0)
    vk: Rule = Rule(1.0, 15.0, in_a_row=3)
    silence: Rule = Rule(30.0, 120.0, in_a_row=2)
    breaker: Rule = Rule(30.0, 900.0, remembered_s=900.0)
    notice_s: float = 600.0
    checked_s: float = 70.0  # a check of the token each minute stands for the lane's own probes
    scale: float = 1.0

    def length_ms(self, rule: Rule, step: int) -> int:
        return max(int(length_s(step, rule.first_s, rule.most_s) * self.scale * 1000), 1)


@dataclass(frozen=True, slots=True)
class Change:
    """A pause that opened (``is_new``), changed, or ended (``is_over``)."""

    pause: Pause
    is_new: bool = False
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an attempt: changes to keep, and whether it counts for its event."""

    changes: tuple[Change, ...] = ()
    is_spared: bool = False


class Pauses:
    """The pauses of one lane. ``token`` is the fingerprint of the token that its jobs carry."""

    def __init__(self, rules: Rules, token: str = "") -> None:
        self._rules = rules
        self._token = token
        self._open: dict[str, Pause] = {}
        self._in_a_row: Counter[str] = Counter()
        self._ended: dict[str, tuple[int, int]] = {}  # kind -> when it ended, its step
        self._tally = Tally()
        self._refused_ms = 0  # when VK last refused the token
        self._begun: dict[str, int] = {}  # entry -> when its attempt began
        self._probe = ""  # the entry that goes out though the lane rests

    def load(self, kept: Iterable[Pause], now_ms: int) -> list[Change]:
        """Go on from what an earlier owner kept; returns what is over meanwhile."""
        over = []
        for pause in kept:
            is_over = pause.is_notice and not pause.is_waiting(now_ms)
            if is_over or (pause.kind == TOKEN and pause.proof != self._token):
                over.append(Change(pause, is_over=True))
            else:
                self._open[pause.kind] = pause
                if pause.kind == TOKEN:
                    self._refused_ms = pause.until_ms - self._rules.length_ms(self._rules.token, 0)
        return over

    # What the lane asks.

    def listed(self, now_ms: int) -> tuple[Pause, ...]:
        """Return what is to be shown, what stops most first."""
        return tuple(sorted((pause for pause in self._open.values() if not pause.is_notice or pause.is_waiting(now_ms)),
                            key=lambda pause: (not pause.shuts, pause.is_notice, pause.kind)))  # fmt: skip

    @property
    def rests(self) -> bool:
        """Does the lane rest, so that whatever goes out is a probe?"""
        return any(pause.shuts for pause in self._open.values())

    @property
    def probes_tried(self) -> bool:
        """Is the best probe what was tried before?

        Of a message that VK left without an answer nobody knows whether it was sent: as few as possible should be such.
        But where the messages themselves may be at fault, what has just failed is the worst of probes.
        """
        return BREAKER not in self._open

    def is_shut(self, now_ms: int) -> bool:
        """Say whether no job may go out: too early for a probe, or one is under way."""
        return self.rests and (bool(self._probe) or self.next_ms(now_ms) is not None)

    def next_ms(self, now_ms: int) -> int | None:
        """Return when a probe may go out that may not now."""
        times = [pause.until_ms for pause in self._open.values() if pause.shuts and pause.is_waiting(now_ms)]
        return max(times, default=None)

    def is_paused(self, method: str, now_ms: int) -> bool:
        """Say whether a job has to do without ``method``."""
        return method in self.paused_methods(now_ms)

    def paused_methods(self, now_ms: int) -> list[str]:
        """Return the methods that a job has to do without."""
        return sorted(kind.removeprefix(METHOD) for kind, pause in self._open.items()
                      if kind.startswith(METHOD) and not pause.shuts and pause.is_waiting(now_ms))  # fmt: skip

    def begin(self, entry: str, now_ms: int) -> None:
        """Note that an attempt begins; while the lane rests it is the probe."""
        self._begun[entry] = now_ms
        if self.rests:
            self._probe = entry

    def end(self, entry: str) -> None:
        """Note that an attempt is over, or was none."""
        self._begun.pop(entry, None)
        if self._probe == entry:
            self._probe = ""

    # What it is told.

    def composed(self) -> None:
        """Note that a reply was decided. It is sent later, and the failures beside it are not to be counted alone."""
        if BREAKER not in self._open:
            self._tally.add(False)

    def concluded(self, entry: str, trial: Trial, now_ms: int) -> Decision:
        """Return what follows from the end of an attempt."""
        begun_ms = self._begun.get(entry, 0)
        changes: list[Change] = []
        for failure in trial.failures:
            if failure.code or failure.method not in trial.answered:  # else the call was repeated, and answered
                changes += self._refused(failure, begun_ms, now_ms)
        for method in trial.answered:
            changes += self._answered(method, begun_ms, now_ms)
        if trial.is_spared:
            return Decision(tuple(changes), is_spared=True)
        is_spared = self._spares(trial, begun_ms)
        changes += self._counted(trial, begun_ms, now_ms)
        return Decision(tuple(changes), is_spared)

    def token_is(self, token: str) -> list[Change]:
        """Take over the token that jobs carry from now on: another one may well be taken by VK."""
        self._token = token
        pause = self._open.get(TOKEN)
        return self._close(TOKEN, 0) if pause is not None and pause.proof != token else []

    def token_checked(self, works: bool, now_ms: int) -> list[Change]:
        """Learn what a check of the token found. While checks go on, no job is spent on probes that must fail."""
        pause = self._open.get(TOKEN)
        if pause is None:
            return []
        rest_ms = self._rules.length_ms(self._rules.token, 0)
        if works and 0 <= now_ms - self._refused_ms < rest_ms:
            return []  # VK has just said otherwise
        until_ms = now_ms if works else now_ms + int(self._rules.checked_s * self._rules.scale * 1000)
        self._open[TOKEN] = replace(pause, until_ms=until_ms)
        return [Change(self._open[TOKEN])]

    # How each failure is taken.

    def _refused(self, failure: Failure, begun_ms: int, now_ms: int) -> list[Change]:
        found = failure.meaning
        if found is None:
            kind, rule = (METHOD + failure.method, self._rules.silence) if failure.is_silent else (VK, self._rules.vk)
            return self._failed(kind, rule, failure, begun_ms, now_ms)
        match found.action:
            case Action.STOP_BOT:
                return self._failed(TOKEN, self._rules.token, failure, begun_ms, now_ms)
            case Action.SLOW_DOWN:
                rule = Rule(found.after_s or 1.0, found.most_s)
                return self._failed(RATE, rule, failure, begun_ms, now_ms)
            case Action.PAUSE_METHOD:
                rule = Rule(found.after_s or 60.0, found.most_s, remembered_s=found.most_s)
                return self._failed(METHOD + failure.method, rule, failure, begun_ms, now_ms)
        return self._noticed(failure, now_ms) if found.alerts else []

    def _failed(self, kind: str, rule: Rule, failure: Failure, begun_ms: int, now_ms: int) -> list[Change]:
        before = self._open.get(kind)
        if before is None and len(self._in_a_row) >= PAUSES_MAX:
            self._in_a_row.clear()  # an engine that makes names of methods up
        self._in_a_row[kind] += 1
        if before is None and self._in_a_row[kind] < rule.in_a_row:
            return []
        if before is not None and begun_ms < before.until_ms:
            return []  # it was under way when the pause began
        return [self._put(kind, rule, f"{failure.method}: {failure.text}", now_ms, failure.code)]

    def _put(self, kind: str, rule: Rule, reason: str, now_ms: int, code: int = 0) -> Change:
        before, step = self._open.get(kind), 0
        ended_ms, ended_step = self._ended.get(kind, (0, 0))
        if before is not None:
            step = before.step + 1
        elif ended_ms and 0 <= now_ms - ended_ms <= rule.remembered_s * self._rules.scale * 1000:
            step = ended_step + 1
        since_ms = now_ms if before is None else before.since_ms
        until_ms = now_ms + self._rules.length_ms(rule, step)
        proof = ""
        if kind == TOKEN:
            self._refused_ms, proof = now_ms, self._token
        pause = Pause(kind, reason, since_ms, until_ms, step, code, proof)
        self._open[kind] = pause
        return Change(pause, is_new=before is None)

    def _noticed(self, failure: Failure, now_ms: int) -> list[Change]:
        """Show an error for a while; kept anew when half of that is over, since every write costs a flush to disk."""
        kind, last_ms = f"{NOTICE}{failure.code}", int(self._rules.notice_s * self._rules.scale * 1000)
        before = self._open.get(kind)
        if before is not None and before.until_ms - now_ms > last_ms // 2:
            return []
        over = [Change(self._open.pop(name), is_over=True) for name, pause in list(self._open.items())
                if pause.is_notice and not pause.is_waiting(now_ms) and name != kind]  # fmt: skip
        if before is None and len(self._open) >= PAUSES_MAX:
            return over
        since_ms = before.since_ms if before else now_ms
        reason = f"{failure.method}: {failure.text}"
        self._open[kind] = Pause(kind, reason, since_ms, now_ms + last_ms, code=failure.code)
        return [*over, Change(self._open[kind], is_new=before is None)]

    def _answered(self, method: str, begun_ms: int, now_ms: int) -> list[Change]:
        """End what VK has disproved. Only a probe proves anything: others may have been answered before it began."""
        changes: list[Change] = []
        for kind in (TOKEN, VK, RATE, METHOD + method):
            self._in_a_row.pop(kind, None)
            pause = self._open.get(kind)
            if pause is not None and begun_ms >= pause.until_ms:
                changes += self._close(kind, now_ms)
        return changes

    def _counted(self, trial: Trial, begun_ms: int, now_ms: int) -> list[Change]:
        """Let an attempt count for the breaker: it opens, grows, or closes."""
        pause, rule = self._open.get(BREAKER), self._rules.breaker
        if not trial.is_failed and not trial.is_good:
            return []
        if pause is None:
            self._tally.add(trial.is_failed)
            if not self._tally.is_tripped:
                return []
            self._tally.clear()
            return [self._put(BREAKER, rule, trial.reason, now_ms)]
        if begun_ms < pause.until_ms:
            return []
        return [self._put(BREAKER, rule, trial.reason, now_ms)] if trial.is_failed else self._close(BREAKER, now_ms)

    def _spares(self, trial: Trial, begun_ms: int) -> bool:
        """Say whether a failed probe of the breaker does not count: the bot is to blame. At its longest it does."""
        pause, rule = self._open.get(BREAKER), self._rules.breaker
        if pause is None or not trial.is_failed or begun_ms < pause.until_ms:
            return False
        return length_s(pause.step, rule.first_s, rule.most_s) < rule.most_s

    def _close(self, kind: str, now_ms: int) -> list[Change]:
        pause = self._open.pop(kind)
        if len(self._ended) >= PAUSES_MAX:
            self._ended.clear()
        self._ended[kind] = (now_ms, pause.step)
        self._in_a_row.pop(kind, None)
        return [Change(pause, is_over=True)]


def fingerprint(token: str) -> str:
    """Return what tells one token from another and gives none away."""
    return hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=8, person=b"salo-pause").hexdigest()
