"""Metrics of the evidence spans."""
