"""A refit of the small corpus, whose summary the folds of the tests take."""

from support.search.fixtures import refits

__all__ = ["refits"]
