"""How well and how fast the nearest phrases are found: ``python -m benchmarks.match [--rows N …] [--train]``.

On a folder of labelled phrases (``--data``; its README says what the files are): each query names the rows that answer
it, or that none does. Printed for each size of base, by class of query: how often the best phrase is right, and how
often it is right and likely enough, where the threshold is the one at which 1 % of the in-domain negatives would be
answered. The forests judge queries that they have not seen: they are trained on the other folds first, which needs
``pip install catboost``. ``--train`` then trains them on all queries and writes the file that the engine reads.

Speed is that of one query, beside ``rapidfuzz.process.extractOne`` with ``ratio`` over the same rows in the same run.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process

from db import codec
from engine.matching import forest
from engine.matching.book import AnswerRow
from engine.matching.build import Array, build_arrays
from engine.matching.features import NAMES
from engine.matching.layers import LayeredIndex
from engine.matching.normalise import normalise
from engine.matching.readings import readings
from engine.matching.search import compare, find_nearest, likely_readings
from engine.matching.segment import Segment

DATA = Path(__file__).resolve().parents[2] / "shared" / "match"
FILES = ((0, "base_core.tsv.gz"), (10_000, "base_pad_100k.tsv.gz"), (100_000, "base_pad_1m.txt.gz"))
FOLDS, SEED = 4, 1
FALSE_ACCEPTS = 0.01  # of the in-domain negatives
RANK_TREES, ACCEPT_TREES, DEPTH, RATE = 200, 300, 6, 0.08
# What counts more or less than one while training: near misses are hard and partly mislabelled, intents are wide.
WEIGHTS = {"near-miss": 0.4, "in-domain": 2.0, "filler": 2.0, "inflection": 1.5, "intent": 0.5}
# ... while training what to accept: paraphrases are to be found, not to be sure of.
ACCEPT_WEIGHTS = {**WEIGHTS, "in-domain": 1.5, "intent": 0.1, "same-answer": 0.2, "smalltalk": 0.2}
# A wrong candidate of a query that has an answer says little of what to accept: it may be as good and not labelled.
WRONG_WEIGHT = 0.07
PEER_QUERIES = {10_000: 400, 100_000: 100, 1_000_000: 30}


@dataclass
class Case:
    """A query, what it was compared with in one base, and which of that is right."""

    query: dict[str, Any]
    fold: int
    exact: bool | None = None  # whether the same phrase, if there is one, is right
    features: Array = field(default_factory=lambda: np.zeros((0, len(NAMES)), np.float32))
    right: list[bool] = field(default_factory=list)


def rows(data: Path, count: int) -> Iterator[AnswerRow]:
    """Yield the first ``count`` rows, normalised."""
    for first, name in FILES:
        if first >= count:
            return
        with gzip.open(data / name, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, first):
                fields = line.rstrip("\n").split("\t")
                if len(fields) > 1:
                    yield AnswerRow(int(fields[0]), normalise(fields[1]), fields[2])
                else:
                    yield AnswerRow(number, normalise(fields[0]), "-")


def queries(data: Path) -> list[dict[str, Any]]:
    """Return the labelled queries."""
    with gzip.open(data / "queries_dev.jsonl.gz") as lines:
        return [codec.loads(line) for line in lines]


def prepared(asked: Sequence[dict[str, Any]], index: LayeredIndex) -> list[Case]:
    """Return a case for each query."""
    segment = index.layers()[0].segment
    folds = np.random.default_rng(SEED).integers(0, FOLDS, len(asked)).tolist()

    def is_right(phrase: int, wanted: set[int]) -> bool:
        return bool(wanted & set(segment.row_id[segment.row_at[phrase] : segment.row_at[phrase + 1]].tolist()))

    cases = []
    for query, fold in zip(asked, folds, strict=True):
        case, wanted, forms = Case(query, fold), set(query["ok"]), readings(query["q"])
        same = next((phrase for phrase in map(segment.phrase_of, forms) if phrase >= 0), -1)
        if same >= 0:
            case.exact = is_right(same, wanted)
        else:
            found = [compare(form, index) for form in likely_readings(forms, index)]
            case.features = np.concatenate([features for _places, features in found])
            case.right = [is_right(phrase, wanted) for places, _ in found for _layer, phrase in places]
        cases.append(case)
    return cases


@dataclass(frozen=True)
class Models:
    """CatBoost's models of some cases, in the roles of the engine's forests."""

    rank: Any
    accept: Any


def trained(cases: Sequence[Case]) -> Models:
    """Return the models of some cases."""
    used = [case for case in cases if case.right]
    weights = [WEIGHTS.get(case.query["sub"], 1.0) for case in used for _ in case.right]
    accepting = [_accept_weight(case, right) for case in used for right in case.right]
    return Models(_trained(used, weights, RANK_TREES), _trained(used, accepting, ACCEPT_TREES))


def _accept_weight(case: Case, right: bool) -> float:
    weight = ACCEPT_WEIGHTS.get(case.query["sub"], 1.0)
    return weight * WRONG_WEIGHT if case.query["ok"] and not right else weight


def _trained(used: Sequence[Case], weights: Sequence[float], trees: int) -> Any:
    from catboost import CatBoostClassifier  # takes its time, and only training needs it

    model = CatBoostClassifier(
        iterations=trees, depth=DEPTH, learning_rate=RATE, l2_leaf_reg=5, border_count=64, random_seed=SEED,
        thread_count=2, verbose=0, allow_writing_files=False,
    )  # fmt: skip
    labels = [int(right) for case in used for right in case.right]
    model.fit(np.concatenate([case.features for case in used]), labels, sample_weight=weights)
    return model


def judged_unseen(bases: dict[int, list[Case]]) -> dict[int, list[tuple[float, bool]]]:
    """Return score and rightness of the best phrase for each case, judged by models that have not seen the query."""
    judged = {size: [_of_exact(case) for case in cases] for size, cases in bases.items()}
    for fold in range(FOLDS):
        models = trained([case for cases in bases.values() for case in cases if case.fold != fold])
        for size, cases in bases.items():
            asked = [place for place, case in enumerate(cases) if case.fold == fold and case.right]
            features = np.concatenate([cases[place].features for place in asked])
            ranks, scores = (model.predict_proba(features)[:, 1] for model in (models.rank, models.accept))
            first = 0
            for place in asked:
                case = cases[place]
                best = int(ranks[first : first + len(case.right)].argmax())
                judged[size][place] = (float(scores[first + best]), case.right[best])
                first += len(case.right)
    return judged


def _of_exact(case: Case) -> tuple[float, bool]:
    return (2.0, case.exact) if case.exact is not None else (-1.0, False)


def print_quality(size: int, cases: Sequence[Case], judged: Sequence[tuple[float, bool]]) -> None:
    """Print what is right, by class of query."""
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for case, verdict in zip(cases, judged, strict=True):
        for name in (case.query["cls"], f"{case.query['cls']}/{case.query['sub']}"):
            found[name].append(verdict)
    negatives = sorted((score for score, _right in found["negative/in-domain"]), reverse=True)
    threshold = negatives[int(len(negatives) * FALSE_ACCEPTS)]
    print(f"{size} rows, threshold {threshold:.3f}")
    for name, verdicts in sorted(found.items()):
        accepted = 100 * statistics.mean(score > threshold for score, _right in verdicts)
        if name.startswith("negative"):
            print(f"  {name:26} {len(verdicts):5}   accepted {accepted:5.2f} %")
            continue
        best = 100 * statistics.mean(right for _score, right in verdicts)
        answered = 100 * statistics.mean(right and score > threshold for score, right in verdicts)
        print(f"  {name:26} {len(verdicts):5}   right {best:6.2f} %   answered and right {answered:6.2f} %")


def print_speed(size: int, asked: Sequence[dict[str, Any]], index: LayeredIndex, texts: Sequence[str]) -> None:
    """Print the time of a query beside the peer's."""
    took_ms = sorted(_time_ms(lambda text=query["q"]: find_nearest(readings(text), index, 0, 1)) for query in asked)
    some = [normalise(query["q"]) for query in asked[:: len(asked) // PEER_QUERIES[size]]]
    peer_ms = statistics.median(
        _time_ms(lambda form=form: process.extractOne(form, texts, scorer=fuzz.ratio)) for form in some
    )
    median, last = statistics.median(took_ms), took_ms[-(len(took_ms) // 100) - 1]
    print(
        f"  one query: median {median:.2f} ms, p99 {last:.2f} ms = {last / median:.1f} x; slowest {took_ms[-1]:.1f} ms"
    )
    print(f"  rapidfuzz over all rows: median {peer_ms:.2f} ms = {peer_ms / median:.1f} x", flush=True)


def _time_ms(work: Any) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def write_forests(models: Models, file: Path) -> None:
    """Write CatBoost's trees as the engine reads them."""
    forests = {"rank": _flat(models.rank, file), "accept": _flat(models.accept, file)}
    file.write_bytes(codec.dumps({"names": list(NAMES), **forests}) + b"\n")


def _flat(model: Any, file: Path) -> dict[str, Any]:
    """Return the trees of a model as arrays."""
    draft = file.with_suffix(".draft")
    model.save_model(str(draft), format="json")
    saved = codec.loads(draft.read_bytes())
    draft.unlink()
    scale, bias = saved["scale_and_bias"]
    questions, borders, leaves = [], [], []
    for tree in saved["oblivious_trees"]:
        missing = DEPTH - len(tree["splits"])  # a question that nobody says yes to
        questions.append([split["float_feature_index"] for split in tree["splits"]] + [0] * missing)
        borders.append([round(split["border"], 5) for split in tree["splits"]] + [1e30] * missing)
        leaves.append([round(value * scale, 4) for value in tree["leaf_values"]] * (1 << missing))
    bias = bias[0] if isinstance(bias, list) else bias
    return {"questions": questions, "borders": borders, "leaves": leaves, "bias": bias}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="+", choices=list(PEER_QUERIES), default=[10_000])
    options.add_argument("--data", type=Path, default=DATA)
    options.add_argument("--train", action="store_true", help="write the forests that the engine reads")
    given = options.parse_args()
    asked, bases = queries(given.data), {}
    for size in given.rows:
        known = list(rows(given.data, size))
        started = time.perf_counter()
        arrays = build_arrays(known)
        took_s, megabytes = time.perf_counter() - started, sum(values.nbytes for values in arrays.values()) / 1e6
        print(f"{size} rows: built in {took_s:.1f} s, {megabytes:.0f} MB")
        index = LayeredIndex(Segment(arrays))
        bases[size] = prepared(asked, index)
        if not given.train:
            print_speed(size, asked, index, [row.rx_norm for row in known])
    judged = judged_unseen(bases)
    for size, cases in bases.items():
        print_quality(size, cases, judged[size])
    if given.train:
        write_forests(trained([case for cases in bases.values() for case in cases]), forest.FILE)
        print(f"written: {forest.FILE.name}")


if __name__ == "__main__":
    main()
