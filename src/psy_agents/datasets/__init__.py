"""Datasets of the catalog that no library has."""

from psy_agents.datasets.checked_json import CheckedJSONDataset

__all__ = ["CheckedJSONDataset"]
