"""Refits of the small corpus."""

from support.search.fixtures import refits

__all__ = ["refits"]
