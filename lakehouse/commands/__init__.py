"""What the `lakehouse` command does, a file for each command."""
