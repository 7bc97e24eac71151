"""What can be wrong with a model's inputs or artefacts. Every message names thing and remedy."""

from lakehouse.errors import LakehouseError


class TrainingError(LakehouseError):
    """A model cannot be trained from what its spec names."""


class NotEnoughData(TrainingError):
    """Too little settled history for the declared periods: wait, or declare shorter ones."""


class SchemaMismatch(TrainingError):
    """Features are not what the model was trained on, by name, type or version."""


class BadArtefact(TrainingError):
    """A version's files are missing or changed since they were registered."""
