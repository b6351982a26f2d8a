"""The section ``preprocessing``: files and columns of a corpus, policies for irregular rows, and splits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from psy_agents.corpus.reading.exports import TOOLS
from psy_agents.files.schema import Schema, Seed

SPLITS = ("train", "validation", "test")
DEFAULT_FUZZY_THRESHOLD = 0.7  # benchmarks/alignment.py measures what each threshold finds, and how much of it is wrong


class Files(Schema):
    """Names of the three files in the corpus's folder; the suffix gives the format.

    Attributes:
        posts: file of the posts.
        annotations: file of the annotated sentences.
        criteria: JSON file of the criteria, id to text.
    """

    posts: str = "posts.csv"
    annotations: str = "annotations.csv"
    criteria: str = "criteria.json"


class PostColumns(Schema):
    """What the posts' columns are called; ``split`` and ``group`` only where the corpus has them.

    Attributes:
        post_id: column of ids, each once.
        text: column of texts.
        group: column of groups whose posts share a split, such as authors or patients; a blank cell is no group. None where
            there is none.
        split: column of train, validation or test (splits.method: column); None where there is none.
    """

    post_id: str = "post_id"
    text: str = "text"
    group: str | None = None
    split: str | None = None


class AnnotationColumns(Schema):
    """What the annotations' columns are called.

    Attributes:
        post_id: column of the posts' ids.
        sentence_text: column of the annotated sentences.
        criterion: column of the criteria's ids.
        status: column of 1, the sentence shows the criterion, or 0, it does not.
        annotator: column of who annotated the row, for the agreement of annotators; None where there is none.
        start: column of where the sentence starts in the post, in characters from 0 or in UTF-16 units; None: sentences are searched.
        end: column of where it ends, exclusive; together with ``start``.
    """

    post_id: str = "post_id"
    sentence_text: str = "sentence_text"
    criterion: str = "DSM5_symptom"
    status: str = "status"
    annotator: str | None = None
    start: str | None = None
    end: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> AnnotationColumns:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end go together: name both columns or neither")
        return self


class Columns(Schema):
    """Columns of both tables."""

    posts: PostColumns = PostColumns()
    annotations: AnnotationColumns = AnnotationColumns()


COLUMNS_OF_EXPORTS = Columns(annotations=AnnotationColumns(criterion="criterion", annotator="annotator", start="start", end="end"))
"""What `psy_agents.corpus.reading.exports` calls the columns that it makes of an annotation tool's export."""


class AlignmentSettings(Schema):
    """How annotated sentences are found in their posts, and what becomes of the ones that are not.

    Attributes:
        mode: strict refuses the corpus; drop sets the row aside, and its pair where the row was positive;
            keep_for_classification keeps the label and trains no evidence on the pair.
        fuzzy_threshold: least similarity of the last stage; None leaves that stage out.
    """

    mode: Literal["strict", "drop", "keep_for_classification"] = "keep_for_classification"
    fuzzy_threshold: float | None = Field(DEFAULT_FUZZY_THRESHOLD, gt=0, le=1)


class Policies(Schema):
    """What is done with rows that a clean corpus would not have; each decision is counted in the report.

    Attributes:
        conflicting_status: a (post, criterion) pair with rows of both statuses is positive, is negative
            (all_positive: only rows of status 1 alone make a positive), or is set aside.
        labels: labels that are no criteria, each ignored, made a further criterion, or refused.
        unknown_labels: the same for every label named neither there nor in the criteria.
        posts_without_rows: negatives, where every post was read by the annotators, or set_aside.
        orphan_rows: annotations of posts that the corpus lacks.
        blank_texts: posts without text.
        duplicate_posts: posts of another post's very text; kept ones share a split.
    """

    conflicting_status: Literal["any_positive", "all_positive", "drop"] = "any_positive"
    labels: dict[str, Literal["ignore", "own_class", "error"]] = {"SPECIAL_CASE": "ignore"}
    unknown_labels: Literal["ignore", "own_class", "error"] = "error"
    posts_without_rows: Literal["negatives", "set_aside"] = "negatives"
    orphan_rows: Literal["error", "set_aside"] = "error"
    blank_texts: Literal["error", "set_aside"] = "set_aside"
    duplicate_posts: Literal["keep", "set_aside"] = "keep"


class SplitSettings(Schema):
    """How posts are split; near-duplicates and groups stay together whatever the method.

    Attributes:
        method: ratios; folds: part ``fold`` of ``folds`` is test, the next one validation, the rest train;
            column: from the posts' split column.
        train: share of the posts (method: ratios).
        validation: share of the posts on which a search and thresholds choose (method: ratios).
        test: share of the posts that only the refit sees (method: ratios); the three sum to 1.
        folds: number of parts (method: folds).
        fold: which part is the test, from 0 (method: folds).
        seed: another seed gives another split.
        near_duplicates: least Jaccard similarity of two posts' word shingles at which they share a split; None
            compares whole texts only.
    """

    method: Literal["ratios", "folds", "column"] = "ratios"
    train: float = Field(0.7, gt=0, lt=1)
    validation: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    folds: int = Field(5, ge=3)
    fold: int = Field(0, ge=0)
    near_duplicates: float | None = Field(0.8, gt=0, le=1)
    seed: Seed = 0

    @model_validator(mode="after")
    def _fits(self) -> SplitSettings:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError(f"train, validation and test sum to {self.train + self.validation + self.test:g}: let them sum to 1")
        if self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}, but folds are numbered from 0 to {self.folds - 1}: choose one of them")
        return self


class CorpusSettings(Schema):
    """The section ``preprocessing``.

    Attributes:
        annotation_tool: the tool whose export ``files.posts`` and ``files.annotations`` are, with columns of its own; None: tables.
        max_posts: size of a random sample of the posts; None takes all.
    """

    files: Files = Files()
    annotation_tool: str | None = None
    columns: Columns = Columns()
    max_posts: int | None = Field(None, ge=1)
    alignment: AlignmentSettings = AlignmentSettings()
    policies: Policies = Policies()
    splits: SplitSettings = SplitSettings()

    @property
    def read_columns(self) -> Columns:
        """The columns of the raw tables."""
        return self.columns if self.annotation_tool is None else COLUMNS_OF_EXPORTS

    @model_validator(mode="after")
    def _fits(self) -> CorpusSettings:
        if self.annotation_tool is not None:
            if self.annotation_tool not in TOOLS:
                raise ValueError(f"annotation_tool is {self.annotation_tool}, but there are {', '.join(TOOLS)}")
            if self.columns != Columns():
                raise ValueError("annotation_tool and columns exclude each other: an export has columns of its own, leave columns out")
        if (self.splits.method == "column") != (self.columns.posts.split is not None):
            raise ValueError("splits.method column and columns.posts.split go together: set both or neither")
        return self
