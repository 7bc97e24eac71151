"""What all declarations share: the base of every spec, and YAML read with file and line.

Nothing here knows what a source, a feature set or a model is, and nothing reads the lake.
"""
