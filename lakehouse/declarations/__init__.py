"""What all declarations share: the base of every spec, and YAML read with file and line.

Nothing here depends on sources, feature sets or models, and nothing reads the lake.
"""
