"""Evaluation of predictions: metrics, intervals, segments and plots. Takes and returns arrays.

Code here does not train models, read the lake or import model specs; callers pass arrays in.
"""
