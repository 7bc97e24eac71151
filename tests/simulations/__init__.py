"""Statistics judged by simulation: worlds with a known truth, and how often verdicts err."""
