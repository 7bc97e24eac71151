"""From rows and parameters to a model: the same bytes for the same inputs."""
