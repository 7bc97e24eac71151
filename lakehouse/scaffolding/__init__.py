"""Scaffolding: proposes the files of a new domain, source, table, feature set or model from data.

Only text is made here, and nothing is asked: what a proposal assumes is listed with its evidence.
"""
