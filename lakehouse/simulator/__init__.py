"""The embedded world: card payments, made up, so that a clone has something to run on.

It writes what sources would give: landing files, a bank's database, an HTTP API's answers. Nothing
in the pipeline imports it; only the command line and tests do. `world` is the door.
"""
