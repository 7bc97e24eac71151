"""Fitting: from rows and parameters to a model, with the same bytes for the same inputs."""
