"""The section ``predict`` of the parameters: which posts are predicted, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from psy_agents.files.schema import UNQUOTED_OFF, Schema, UserPath
from psy_agents.training.config import CudaGraphsSetting


class TextColumns(Schema):
    """The names of the file's columns."""

    post_id: str = Field("post_id", description="The column of post ids.")
    text: str = Field("text", description="The column of texts.")


class PredictConfig(Schema):
    """``parameters_predict.yml``."""

    project: Path = Field(description="The folder that a relative path of posts starts from.")
    posts: UserPath = Field(description="The file: .csv, .tsv or .jsonl, each also as .gz, or .parquet.")
    work: UserPath = Field(description="Folder of unfinished predictions; on the same disk as the results.")
    columns: TextColumns = TextColumns()
    max_posts: int | None = Field(None, ge=1, description="Predict the file's first posts only; None predicts all.")
    blank_texts: Literal["error", "set_aside"] = Field(
        "error", description="Posts without text: refused, or left out of the results and counted."
    )
    quotes: bool = Field(False, description="Whether each span carries its quote; the results then hold post text.")
    cuda_graphs: Annotated[CudaGraphsSetting, UNQUOTED_OFF] = Field(
        "auto", description="On a GPU: auto captures batches of recurring shapes in CUDA graphs, filled to a few shapes; off does not."
    )
    longest_post: int = Field(1_000_000, ge=1, description="Characters of the longest allowed post; memory grows with it.")
    chunk_posts: int = Field(512, ge=1, description="The most posts in a chunk, which is predicted together.")
    chunk_characters: int = Field(250_000, ge=1, description="The most characters in a chunk; a single post may have more.")

    @property
    def posts_file(self) -> Path:
        """The absolute path of the file of posts."""
        return self.project / self.posts

    @property
    def posts_name(self) -> str:
        """The file as messages name it: relative to the project if it lies inside."""
        path = self.posts_file
        return (path.relative_to(self.project) if path.is_relative_to(self.project) else path).as_posix()
