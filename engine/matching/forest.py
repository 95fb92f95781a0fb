"""Boosted oblivious trees as flat arrays: how likely each candidate is what was meant. Pure.

In an oblivious tree all nodes of one depth ask the same question, so that a tree is a row of questions and a table of
leaves, and all trees are evaluated at once (L. Prokhorenkova et al., CatBoost, 2018). ``benchmarks.train`` makes the file.
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
    """``questions`` and ``borders``: trees x depth; ``leaves``: trees x 2**depth; ``names`` of the features."""

    names: tuple[str, ...]
    questions: Array
    borders: Array
    leaves: Array
    bias: float

    def likelihood(self, features: Array) -> Array:
        """Return for each row of ``features`` how likely it is right: 0 to 1."""
        yes = features[:, self.questions] > self.borders  # rows x trees x depth
        powers = 1 << np.arange(self.questions.shape[1])
        leaf = (yes * powers).sum(axis=2) + np.arange(len(self.leaves)) * self.leaves.shape[1]
        return 1 / (1 + np.exp(-(self.leaves.ravel()[leaf].sum(axis=1) + self.bias)))


def load_forest(file: Path = FILE) -> Forest:
    """Return the forest of a file."""
    saved: dict[str, Any] = orjson.loads(file.read_bytes())
    return Forest(
        tuple(saved["names"]),
        np.array(saved["questions"], np.int64),
        np.array(saved["borders"], np.float32),
        np.array(saved["leaves"], np.float32),
        float(saved["bias"]),
    )
