"""Yardsticks made by others: the same pipeline on their data, by their protocol."""
