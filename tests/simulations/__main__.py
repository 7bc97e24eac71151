"""`python -m tests.simulations [--keep FOLDER]`: the table of all worlds."""

import argparse
import tempfile
from pathlib import Path

from tests.simulations.probabilities import run, table

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="keep the worlds here; those there are reused")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of worlds")
    parser.add_argument("--rounds", type=int, help="trees that a model has at most")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.keep or Path(temporary)
        outcomes = run(folder, chosen.only, on_progress=print, rounds=chosen.rounds)
        print(table(outcomes))
