"""Choice of features and parameters on walk-forward folds, a recorded input of a version."""
