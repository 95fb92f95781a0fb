"""A ticker worker that does what a file says: on descriptor 3, without any of our engine.

``argv[1]`` is a file to which it appends a line for each tick, ``argv[2]`` one that holds the word to act by:
a state (``ok``, ``warn``, ``bad``), ``hang``, ``die``, ``junk``, ``fail``, ``outage``, ``more`` (ok, but not done), or
``sleep:S``, which ends ok.
``TICKER=word`` is for one ticker alone.
"""

import json
import os
import pathlib
import signal
import socket
import sys
import time
from typing import Any


def verdict_of(job: dict[str, Any], word: str) -> dict[str, Any]:
    ticker, _, own = word.partition("=")
    word = (own if ticker == job["ticker"] else "ok") if own else word
    verdict = {"job": job["job"], "verdict": "done", "slots_used": 0}
    if word == "hang":
        time.sleep(3600)
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word.startswith("sleep:"):
        time.sleep(float(word.removeprefix("sleep:")))
        word = "ok"
    if word == "fail":
        return {**verdict, "verdict": "fail", "reason": "told to"}
    if word == "outage":
        return {**verdict, "verdict": "retry", "outage": True, "reason": "redis is gone"}
    if word == "junk":
        return {**verdict, "tick": {"state": "splendid"}}
    has_more, word = word == "more", "ok" if word == "more" else word
    parts = {"disk": {"state": word, "text": f"disk {word}", "ms": 1.5}}
    tick = {"state": word, "text": f"text {word}", "reason": f"reason {word}", "ms": 1.5, "parts": parts}
    tick["has_more"] = has_more
    return {**verdict, "tick": tick}


def main() -> None:
    with socket.socket(fileno=3) as sock, sock.makefile("rb") as lines:
        for line in lines:
            job = json.loads(line)
            bot = (job["bot"] or {}).get("name", "-")
            with pathlib.Path(sys.argv[1]).open("a") as log:
                log.write(f"{job['ticker']} {bot} {job['token'] or '-'}\n")
            verdict = verdict_of(job, pathlib.Path(sys.argv[2]).read_text().strip())
            sock.sendall(json.dumps(verdict).encode() + b"\n")


main()
