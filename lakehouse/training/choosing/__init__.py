"""Features and parameters, chosen on walk-forward folds: a recorded input of a version."""
