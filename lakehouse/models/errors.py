"""Errors in a model's inputs or artefacts. Every message names the object and the remedy."""

from lakehouse.errors import LakehouseError


class TrainingError(LakehouseError):
    """A model cannot be trained on the inputs that its spec names."""


class NotEnoughData(TrainingError):
    """Too little settled history for the declared periods: wait, or declare shorter ones."""


class SchemaMismatch(TrainingError):
    """Features differ from those that the model was trained on, by name, type or version."""


class BadArtefact(TrainingError):
    """A version's files are missing or have changed since they were registered."""
