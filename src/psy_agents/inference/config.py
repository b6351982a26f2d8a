"""Which posts are predicted, and how they are read: the section ``predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from psy_agents.files.schema import Schema


class TextColumns(Schema):
    """What the file's columns are called."""

    post_id: str = Field("post_id", description="The column of the posts' ids.")
    text: str = Field("text", description="The column of their texts.")


class PredictConfig(Schema):
    """``parameters_predict.yml``."""

    project: Path = Field(description="Where a relative path of posts begins.")
    posts: Path = Field(description="The file: .csv, .tsv or .jsonl, each also with .gz behind it, or .parquet.")
    work: Path = Field(description="Folder of what is unfinished; on the disk of the results.")
    columns: TextColumns = TextColumns()
    max_posts: int | None = Field(None, ge=1, description="Only the file's first rows, to try things on; None takes all.")
    blank_texts: Literal["error", "set_aside"] = Field(
        "error", description="Posts without text: refused, or left out of the results and counted."
    )
    longest_post: int = Field(1_000_000, ge=1, description="Characters; a post is read whole, so memory grows with the longest one.")
    chunk_posts: int = Field(512, ge=1, description="The most posts that are predicted together.")
    chunk_characters: int = Field(250_000, ge=1, description="The most characters of them; one post alone may have more.")

    @property
    def posts_file(self) -> Path:
        """The file of posts by its whole path."""
        return self.project / self.posts

    @property
    def posts_name(self) -> str:
        """What messages call it: relative to the project where it lies inside."""
        path = self.posts_file
        return (path.relative_to(self.project) if path.is_relative_to(self.project) else path).as_posix()
