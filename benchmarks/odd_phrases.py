"""How much longer odd messages take than talk: ``python -m benchmarks.odd_phrases [--rows N …]``.

Endless, repeated, invisible, reversed, glued, foreign and random messages are looked up in a base of real phrases
(``--data``), each several times, the quickest counted. Printed beside the time that 99 % of real queries take.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.match import DATA, queries, rows
from engine.matching.build import build_arrays
from engine.matching.layers import LayeredIndex
from engine.matching.readings import readings
from engine.matching.search import find_nearest, load_matcher
from engine.matching.segment import Segment

TRIES = 3
RANDOM = 300  # messages of random signs


def odd_phrases(known: list[str]) -> Iterator[tuple[str, str]]:
    """Yield a name and a message for each kind of odd ones."""
    dice = random.Random(1)
    words = sorted({word for phrase in known for word in phrase.split()})
    yield "one letter", "а"
    yield "one sign", "?"
    yield "10,000 letters without a space", "абвгдежзик" * 1000
    yield "10,000 letters of known words", " ".join(dice.choices(words, k=1600))[:10_000]
    yield "a word 1,000 times", "привет " * 1000
    yield "the commonest words", "что ты как не я это в и на " * 30
    yield "known words glued", "".join(dice.choices(words, k=8))
    yield "24 misspelt words", " ".join(word[::-1] for word in dice.choices(words, k=24))
    yield "24 known words", " ".join(dice.choices(words, k=24))
    yield "one letter apart", " ".join("приветкакдела" * 20)
    yield "emoji", "😀" * 5000
    yield "punctuation", "!?." * 3000
    yield "zero width", "п\u200bр\u200bи\u200bв\u200bе\u200bт" * 500
    yield "right to left", "\u202eпривет مرحبا שלום" * 200
    yield "marks", "п" + "\u0301" * 9000
    yield "digits", "1234567890 " * 500
    yield "a link", "https://example.com/" + "a" * 3000
    yield "other layout", "ghbdtn rfr ltkf " * 18
    yield "Latin letters", "privet kak dela " * 18
    yield "не not", "не " * 100
    alphabet = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя abcxyz0189 .,:;!?😀\u200b\u0301\n"
    for number in range(RANDOM):
        yield "random signs", "".join(dice.choices(alphabet, k=dice.randrange(1, 400) if number % 10 else 4096))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=[10_000])
    options.add_argument("--data", type=Path, default=DATA)
    given = options.parse_args()
    load_matcher()
    for size in given.rows:
        known = list(rows(given.data, size))
        index = LayeredIndex(Segment(build_arrays(known)))
        usual = sorted(_ms(query["q"], index) for query in queries(given.data)[::3])
        last = usual[-(len(usual) // 100) - 1]
        print(f"{size} rows: of real queries the median takes {usual[len(usual) // 2]:.2f} ms, p99 {last:.2f} ms")
        slowest: dict[str, float] = {}
        for name, text in odd_phrases([row.rx_norm for row in known[:3000]]):
            slowest[name] = max(slowest.get(name, 0.0), _ms(text, index))
        for name, took in sorted(slowest.items(), key=lambda item: -item[1]):
            print(f"  {took:8.2f} ms = {took / last:4.1f} x p99  {name}")


def _ms(text: str, index: LayeredIndex) -> float:
    took = []
    for _ in range(TRIES):
        started = time.perf_counter()
        find_nearest(readings(text), index, 0, 3)
        took.append(time.perf_counter() - started)
    return min(took) * 1000


if __name__ == "__main__":
    main()
