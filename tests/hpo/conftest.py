"""Stages and refits run with the small corpus and its encoder."""

from support.search.fixtures import corpus, encoder

__all__ = ["corpus", "encoder"]
