"""Monitoring of scores and features before labels are known: drift, volume, capacity."""
