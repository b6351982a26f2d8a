"""The figures of the data-quality report. They hold counts and ids of criteria, and no text or id of a post."""

from __future__ import annotations

from pydantic import ConfigDict, Field, FiniteFloat

from psy_agents.corpus.config import CorpusSettings
from psy_agents.files.schema import Schema


class _Figures(Schema):
    # The account's key "in" is a keyword of Python.
    model_config = ConfigDict(serialize_by_alias=True)


class RowCounts(_Figures):
    """Number of rows in, used, and set aside by reason."""

    rows_in: int = Field(alias="in", ge=0)
    used: int = Field(ge=0)
    set_aside: dict[str, int]


class PairCounts(RowCounts):
    """Number of pairs in, used and set aside; of the used ones by origin, and those without known evidence."""

    origins: dict[str, int]
    conflicting: int
    evidence_unknown: int


class AlignedRows(_Figures):
    """Annotations by the stage that found their sentence: ``in`` and each stage."""

    rows: dict[str, int]
    positive_rows: dict[str, int]


class Account(_Figures):
    """The account of `prepare_corpus`."""

    posts: RowCounts
    annotations: RowCounts
    alignment: AlignedRows
    places: RowCounts
    pairs: PairCounts


class SplitFigures(_Figures):
    """Number of posts, clusters, pairs and positives of a split."""

    posts: int
    clusters: int
    pairs: int
    positives: int


class CriterionFigures(_Figures):
    """Used pairs and positive ones by split; for each split without a positive the reason."""

    pairs: dict[str, int]
    positives: dict[str, int]
    clusters_with_a_positive: int
    absent_because: dict[str, str]


class ClusterFigures(_Figures):
    """Clusters of posts that are near-duplicates or of one group: those of several posts, their posts, and the size of the largest."""

    clusters: int
    of_several_posts: int
    posts_in_them: int
    largest: int


class LengthFigures(_Figures):
    """Lengths of the used posts in tokens, special tokens apart.

    Attributes:
        quantiles: from "0%" (the shortest post) to "100%" (the longest).
        edges: bins of `posts_in_bin`, whose widths grow with the length; the last bin ends before the last edge.
    """

    tokens: int
    mean: FiniteFloat
    quantiles: dict[str, int]
    edges: list[int]
    posts_in_bin: list[int]


class WindowFigures(_Figures):
    """How posts are cut into windows next to the longest criterion; next to a shorter one a window holds more of the post.

    Attributes:
        max_length: tokens of a window. longest_criterion: tokens of it that the longest criterion and the special
            tokens take. room: what is left of it for the post.
        overlap: tokens of the room that the next window repeats.
        windows_a_post: number of posts by number of windows.
        share_of_tokens_beyond: of all tokens of all posts; None where there are none.
    """

    encoder: str
    max_length: int
    longest_criterion: int
    room: int
    overlap: int
    windows_a_post: dict[int, int]
    posts_of_several: int
    share_of_posts_of_several: FiniteFloat
    tokens_beyond_the_first: int
    share_of_tokens_beyond: FiniteFloat | None


class EvidenceFigures(_Figures):
    """Where positive pairs have their evidence.

    Attributes:
        spans_a_pair: number of positive pairs by number of evidence spans; 0 where no place is known.
        placed: positive pairs with a span. beyond_the_first_window: of those the ones whose spans all begin behind
            the first window. share_beyond: of the placed ones; None where there are none.
    """

    positive_pairs: int
    spans_a_pair: dict[int, int]
    placed: int
    beyond_the_first_window: int
    share_beyond: FiniteFloat | None


class GroupFigures(_Figures):
    """Groups of posts, such as authors, whose posts share a split.

    Attributes:
        without: posts of no group.
    """

    groups: int
    of_several_posts: int
    largest: int
    without: int


class AgreementValue(_Figures):
    """A value with its 95 % interval; low and high are None without one."""

    value: FiniteFloat
    low: FiniteFloat | None
    high: FiniteFloat | None


class CriterionAgreement(_Figures):
    """How well annotators agree on a criterion.

    Attributes:
        posts: rated by several annotators.
        met_by_any: of those, the posts for which an annotator says that the criterion is met.
        alpha: Krippendorff's; None where all ratings are equal.
        f1: of one annotator against another; None where no rating says that the criterion is met.
        evidence_pairs: of those posts, the ones in which an annotator marks evidence, and all marks were found.
        token_f1: of one annotator's evidence against another's in them; None where there are none.
    """

    posts: int
    met_by_any: int
    alpha: AgreementValue | None
    f1: AgreementValue | None
    evidence_pairs: int = 0
    token_f1: AgreementValue | None = None


class AnnotatorFigures(_Figures):
    """Agreement of annotators with each other. The means are over the criteria that have the figure.

    Attributes:
        posts: rated by at least one annotator.
        token_f1: of the evidence, over the words of all criteria together, as an agent's.
    """

    annotators: int
    posts: int
    posts_of_several: int
    criteria: dict[str, CriterionAgreement]
    mean_alpha: AgreementValue | None
    mean_f1: AgreementValue | None
    evidence_pairs: int = 0
    token_f1: AgreementValue | None = None


class DataQuality(_Figures):
    """The report on one corpus; ``groups`` and ``annotators`` are None where the files have no column of them."""

    settings: CorpusSettings
    account: Account
    splits: dict[str, SplitFigures]
    criteria: dict[str, CriterionFigures]
    clusters: ClusterFigures
    groups: GroupFigures | None = None
    lengths: LengthFigures
    windows: WindowFigures
    evidence: EvidenceFigures
    annotators: AnnotatorFigures | None = None
