"""From a phrase to its answer: normalise, look up, compare."""

import os

# Before numpy is loaded: its algebra library, which we do not use, would start threads, and a fork loses them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
