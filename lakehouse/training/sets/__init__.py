"""Training sets: pin in the lake, check, load into memory, cut into folds."""
