"""Training sets: pinned in the lake, checked, loaded into memory, cut into folds."""
