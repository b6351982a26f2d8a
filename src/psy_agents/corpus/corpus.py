"""A prepared corpus: its tables, its criteria and its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from psy_agents.corpus.fingerprint import data_hash


@dataclass(frozen=True)
class Corpus:
    """What agents are trained and scored on.

    Attributes:
        posts: one row a post, with its text and, where the corpus has them, its group.
        pairs: one row for each post and criterion, with label and evidence.
        sentences: one row for each annotated sentence.
        splits: the split and the cluster (of near-duplicates, of a group) of each post.
        criteria: the wording of each criterion.
        name: as ``globals.yml`` calls the corpus; a saved model says it. Empty where nobody named it.
    """

    posts: pd.DataFrame
    pairs: pd.DataFrame
    sentences: pd.DataFrame
    splits: pd.DataFrame
    criteria: Mapping[str, str]
    name: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """sha256, in hex, of the whole corpus (see `data_hash`), once its splits have passed the audit.

        Raises:
            UserError: the splits are not those of the posts, as after a preprocessing that failed between the two, or leak.
        """
        self.audit()
        return data_hash(self.posts, self.pairs, self.sentences, self.splits, self.criteria)

    def audit(self) -> None:
        """Refuse splits that are not those of the posts, or leak (see `audit_leakage`).

        Raises:
            UserError: they do.
        """
        from psy_agents.corpus.splitting.leakage import audit_leakage  # Every pipeline that is listed imports this module.

        clusters = self.splits.drop_duplicates("post_id").set_index("post_id")["cluster"]
        audit_leakage(self.posts, self.splits, self.posts["post_id"].map(clusters).to_numpy())

    @property
    def resampling_units(self) -> dict[str, int]:
        """The cluster of each post by its id. Posts of one cluster are not independent: intervals and tests draw them together."""
        return self.splits.drop_duplicates("post_id").set_index("post_id")["cluster"].to_dict()

    def part(self, *splits: str) -> Corpus:
        """The posts of one or more splits alone, with their pairs and sentences."""
        members = self.members(*splits)
        tables = {name: table for name, table in vars(self).items() if name in ("posts", "pairs", "sentences", "splits")}
        return replace(
            self, **{name: table[table["post_id"].isin(members)].reset_index(drop=True) for name, table in tables.items()}
        )

    def members(self, *splits: str) -> pd.Series:
        """The ids of the posts of one split, or of several together."""
        return self.splits.loc[self.splits["split"].isin(splits), "post_id"]
