"""A corpus in the ReDSM5 format made of invented posts: free to share, and hard enough to learn from."""

from psy_agents.corpus.synthetic.generator import SyntheticCorpus, generate_corpus

__all__ = ["SyntheticCorpus", "generate_corpus"]
