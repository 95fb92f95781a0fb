"""Boosted oblivious trees as flat arrays: which candidate was meant, and how likely any was. Pure.

Two forests judge the same features. ``rank`` says which candidate is the likest of a query's; ``accept`` how likely a
candidate is what was meant, without blame for another one that is as good: a base may hold a phrase in two wordings.

In an oblivious tree all nodes of one depth ask the same question, so that a tree is a row of questions and a table of
leaves, and all trees are evaluated at once (L. Prokhorenkova et al., CatBoost, 2018).
``python -m benchmarks.match --train`` makes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from engine.matching.build import Array

FILE = Path(__file__).with_name("forest.json")


@dataclass(frozen=True, slots=True)
class Forest:
    """``questions`` and ``borders``: of all trees, depth by depth; ``leaves``: of all trees, with each tree's first."""

    questions: Array
    borders: Array
    leaves: Array
    first_leaf: Array
    bias: float

    def likelihood(self, features: Array) -> Array:
        """Return for each row of ``features`` how likely it is right: 0 to 1."""
        yes = features.take(self.questions, axis=1) > self.borders  # rows x (depth * trees)
        depth = len(self.questions) // len(self.first_leaf)
        bits = yes.view(np.uint8).reshape(len(features), depth, -1) * _POWERS[:depth]
        leaf = bits.sum(axis=1, dtype=np.uint8) + self.first_leaf
        likelihood: Array = 1 / (1 + np.exp(-(self.leaves.take(leaf).sum(axis=1) + self.bias)))
        return likelihood


_POWERS = (1 << np.arange(8)).astype(np.uint8)[:, None]  # a depth of up to 8


@dataclass(frozen=True, slots=True)
class Forests:
    """Both forests, and the names of the features that they ask for."""

    names: tuple[str, ...]
    rank: Forest
    accept: Forest


def load_forests(file: Path = FILE) -> Forests:
    """Return the forests of a file: JSON with ``names`` and, for each forest, its arrays by tree, and its bias."""
    saved: dict[str, Any] = orjson.loads(file.read_bytes())
    return Forests(tuple(saved["names"]), _forest(saved["rank"]), _forest(saved["accept"]))


def _forest(saved: dict[str, Any]) -> Forest:
    leaves = np.array(saved["leaves"], np.float32)
    return Forest(
        np.array(saved["questions"], np.int64).T.ravel(),
        np.array(saved["borders"], np.float32).T.ravel(),
        leaves.ravel(),
        np.arange(len(leaves), dtype=np.int32) * leaves.shape[1],
        float(saved["bias"]),
    )
