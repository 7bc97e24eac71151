"""Speed and memory of the whole, as ratios within one run: `python -m tests.benchmarks --help`.

Nothing here is a test: figures depend on the machine and its other load.
"""
