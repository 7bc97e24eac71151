"""`python -m lakehouse.cli`: the command where it is not on the path."""

from lakehouse.cli import start

if __name__ == "__main__":
    start()
