"""The declarations of the project: `<domain>/<kind>/<name>/defs.yaml`."""
