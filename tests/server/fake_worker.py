"""A worker that does what the message says: a tiny engine, without any of ours, on descriptor 3.

``argv[1]`` is a file to which it appends ``begin`` and ``sent`` lines: what a job did before anybody else knew.
With ``simple`` behind it, it knows answer jobs only.
Words of the text: sleep:S, die, hang, junk, long, retry, outage, fail, ignore, unsolved, once (only the first attempt
misbehaves), ask, slots:N, retire; of those that a batch sends: sink (dies before it), drown (dies after it).
"""

import json
import os
import signal
import socket
import sys
import time


def note(*words: object) -> None:
    line = " ".join(str(word) for word in (*words, time.time_ns())) + "\n"
    os.write(LOG, line.encode())


def verdict_of(job: dict, words: list[str], lines, sock) -> dict:
    begun = time.monotonic()
    misbehaves = "once" not in words or job["attempt"] == 1
    message = job["event"]["object"].get("message", {})
    verdict = {"job": job["job"], "verdict": "done", "slots_used": 1}
    for word in words:
        name, _, value = word.partition(":")
        if name == "sleep":
            time.sleep(float(value))
        elif name == "slots":
            verdict["slots_used"] = int(value)
        elif name == "ask":
            sock.sendall(json.dumps({"job": job["job"], "log": {"level": "info", "text": "asking"}}).encode() + b"\n")
            sock.sendall(
                json.dumps({"job": job["job"], "ask": {"id": 1, "line": "who am i", "entry": job["entry"]}}).encode()
                + b"\n"
            )
            verdict["reason"] = json.loads(lines.readline())["answer"]["text"]
        elif name == "retire":
            verdict["retire"] = True
        elif misbehaves and name == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif misbehaves and name == "hang":
            time.sleep(3600)
        elif misbehaves and name == "junk":
            sock.sendall(b"{not json\n")
        elif misbehaves and name == "long":
            sock.sendall(b"x" * (6 << 20))
        elif misbehaves and name in ("retry", "fail"):
            return {**verdict, "verdict": name, "reason": f"told to {name}", "trace": "Traceback: told to"}
        elif misbehaves and name == "outage":
            return {**verdict, "verdict": "retry", "reason": "VK does not answer", "outage": True}
        elif name == "ignore":
            return {**verdict, "verdict": "ignored", "reason": "not for us", "slots_used": 0}
        elif name == "unsolved":
            return {**verdict, "verdict": "unsolved", "match": {"rx": message["text"]}, "slots_used": 0}
    text = "re: " + message.get("text", "")
    if job.get("kind") == "compose":  # the batch knows no event, so that the text tells
        parts = [[f"{job['event']['event_id']} {text}", 1]]
        told = {"outcome": "done", "peer_id": message.get("peer_id", 0), "parts": parts, "quote": 0, "sent": {}}
        return {**verdict, "composed": told}
    time.sleep(max(job.get("slot_in_ms", 0) / 1000 - (time.monotonic() - begun), 0))
    note("sent", job["bot"]["name"], message.get("peer_id", 0), job["event"]["event_id"], job["attempt"])
    verdict["reply"] = {
        "peer_id": message.get("peer_id", 0),
        "parts": [{"text": text, "random_id": 1, "message_id": 1}],
    }
    return verdict


def compose(job: dict, lines, sock) -> dict:
    items = []
    for item in job["items"]:
        sock.sendall(json.dumps({"job": job["job"], "begun": item["entry"]}).encode() + b"\n")
        one = {**job, **item}
        message = one["event"]["object"].get("message", {})
        note("begin", job["bot"]["name"], message.get("peer_id", 0), one["event"]["event_id"], one["attempt"])
        items.append({"entry": item["entry"], **verdict_of(one, message.get("text", "").split(), lines, sock)})
    return {"job": job["job"], "verdict": "done", "items": items}


def send_batch(job: dict) -> dict:
    time.sleep(job.get("slot_in_ms", 0) / 1000)
    note("batch", job["bot"]["name"], len(job["items"]), job["entry"], job["attempt"])
    if any("sink" in item["text"].split() for item in job["items"]):
        os.kill(os.getpid(), signal.SIGKILL)
    for item in job["items"]:
        note("sent", job["bot"]["name"], item["peer_id"], item["text"].split()[0], item["attempt"])
    if any("drown" in item["text"].split() for item in job["items"]):
        os.kill(os.getpid(), signal.SIGKILL)
    items = [{"entry": item["entry"], "verdict": "sent", "message_id": 1} for item in job["items"]]
    return {"job": job["job"], "verdict": "done", "slots_used": 1, "items": items}


def main() -> None:
    with socket.socket(fileno=3) as sock, sock.makefile("rb") as lines:
        for line in lines:
            job = json.loads(line)
            if job.get("kind", "answer") != "answer" and "simple" in sys.argv:
                unknown = {"job": job["job"], "verdict": "fail", "reason": "not known to this engine"}
                sock.sendall(json.dumps(unknown).encode() + b"\n")
                continue
            if job.get("kind", "answer") != "answer":
                verdict = compose(job, lines, sock) if job["kind"] == "compose" else send_batch(job)
                sock.sendall(json.dumps(verdict).encode() + b"\n")
                continue
            message = job["event"]["object"].get("message", {})
            note("begin", job["bot"]["name"], message.get("peer_id", 0), job["event"]["event_id"], job["attempt"])
            verdict = verdict_of(job, message.get("text", "").split(), lines, sock)
            sock.sendall(json.dumps(verdict).encode() + b"\n")
            if verdict.get("retire"):
                return


LOG = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
main()
