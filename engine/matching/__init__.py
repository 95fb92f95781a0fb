"""From a phrase to its answer: normalise, look up, compare."""
