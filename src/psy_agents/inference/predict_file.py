"""Predict a file of new posts with a refitted agent.

Posts are predicted chunk by chunk. The file and the configuration alone decide where chunks are cut, so an interrupted run
gives the same numbers as an uninterrupted one, to the last bit. Windows are batched by length within a chunk
(`psy_agents.training.batches.token_budget_batches`), so a post's probabilities may differ in their last digits with the other
posts of its chunk.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from psy_agents import __version__
from psy_agents.agents.saved.checksums import model_checksum
from psy_agents.errors import UserError
from psy_agents.evaluation.predictions import prediction_rows
from psy_agents.inference.config import PredictConfig
from psy_agents.inference.posts import CheckedFile, Post, check_posts_file, chunks, read_posts, size_and_mtime
from psy_agents.inference.progress import PostsProgress
from psy_agents.inference.shards import PredictionShards, exclusive_lock
from psy_agents.training.allocator import release_freed_memory
from psy_agents.training.config import CudaGraphsSetting

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Predictor

log = logging.getLogger(__name__)

RESULT_SETTINGS = {"columns", "max_posts", "blank_texts", "quotes", "chunk_posts", "chunk_characters"}
"""Settings that change the results."""


def predict_file(agent: str, model: Path, config: PredictConfig) -> Path:
    """Predict every post of the file. Memory grows with the number of posts only while the file is checked.

    Args:
        agent: the requested agent.
        model: folder of a saved agent.

    Returns:
        a folder with ``predictions.parquet``, ``predictions.jsonl`` and ``manifest.json``, which the caller moves away.

    Raises:
        UserError: the model is damaged or belongs to another agent, or `check_posts_file` refuses the file; nothing is
            written then.
    """
    predictor = load_predictor(agent, model, config.cuda_graphs)
    checked = check_posts_file(config)
    manifest = _manifest(predictor, model, config, checked)
    try:
        with exclusive_lock(config.work, agent):
            shards = PredictionShards(config.work / f"{agent}.unfinished", manifest, agent)
            if not shards.merged:
                count = _predict_chunks(predictor, config, checked, shards)
                if size_and_mtime(config.posts_file) != checked.size_and_mtime:
                    raise UserError(f"{config.posts_name} changed while it was predicted: run the same command again.")
                shards.merge(count)
            blank = f", {checked.blank} without text left out" if checked.blank else ""
            log.info("%s: %d posts predicted for %d criteria%s", agent, checked.posts, len(predictor.criteria), blank)
            return shards.finish()
    except OSError as error:
        raise UserError(
            f"The predictions of {agent} cannot be written ({error.strerror or type(error).__name__}): free some space or repair "
            f"the disk, then run the same command to resume."
        ) from None


def load_predictor(agent: str, model: Path, cuda_graphs: CudaGraphsSetting = "auto") -> Predictor:
    """Load the model and check its files against their checksums.

    Raises:
        UserError: it is damaged, or belongs to another agent.
    """
    from psy_agents.inference.predictor import Predictor  # Not at the top: it imports torch.

    predictor = Predictor(model, cuda_graphs=cuda_graphs)
    if predictor.name != agent:
        raise UserError(f"'{model}' holds a model of {predictor.name}, but {agent} was requested: choose a version of {agent}'s model.")
    return predictor


def predict_chunk(predictor: Predictor, posts: Sequence[Post], *, quotes: bool) -> pa.Table:
    """The predictions of some posts, post by post and criterion by criterion."""
    predicted = predictor.predict([post.text for post in posts], quotes=quotes)
    return prediction_rows([post.post_id for post in posts], predicted)


def _manifest(predictor: Predictor, model: Path, config: PredictConfig, checked: CheckedFile) -> dict[str, Any]:
    """Everything that the predictions depend on, as plain data."""
    return {
        "agent": predictor.name,
        "model": {"version": model.parent.name, "sha256": model_checksum(model)},
        "file": {"name": config.posts_name, "sha256": checked.sha256, "posts": checked.posts, "blank": checked.blank},
        "settings": config.model_dump(mode="json", include=RESULT_SETTINGS),
        "program": __version__,
    }


def _predict_chunks(predictor: Predictor, config: PredictConfig, checked: CheckedFile, shards: PredictionShards) -> int:
    """Write the missing shards; return the number of all shards."""
    number, resumed = -1, 0
    with PostsProgress(predictor.name, checked.posts) as progress:
        for number, chunk in enumerate(chunks(read_posts(config), config.chunk_posts, config.chunk_characters)):  # noqa: B007
            if shards.is_complete(number, len(chunk) * len(predictor.criteria)):
                resumed += len(chunk)
                progress.skip(len(chunk))
                continue
            if resumed:
                log.info("%s: resumes after %d of %d posts", predictor.name, resumed, checked.posts)
                resumed = 0
            shards.write(number, predict_chunk(predictor, chunk, quotes=config.quotes))
            release_freed_memory()
            progress.advance(len(chunk))
    return number + 1
