"""Evaluation of a version on its test rows and against others, and the promotion decision."""
