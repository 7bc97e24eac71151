"""The project __project__."""
