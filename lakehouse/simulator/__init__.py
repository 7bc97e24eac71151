"""The embedded world: card payments, made up, so that a clone has something to run on.

It writes what sources would deliver: landing files, a bank's database, an HTTP API's answers. No
part of the pipeline imports it; only the command line and tests do. `world` is its interface.
"""
