"""A refitted agent over a file of new posts: what it says of each post and each criterion.

Posts are predicted chunk by chunk, and chunks are cut by the file and the configuration alone, so that an interrupted
run gives the same numbers, to the last bit, as one that was not. Within a chunk windows are batched by their lengths
(`psy_agents.training.batches.token_budget_batches`): in other company a post's probabilities differ in their last digits.
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
from psy_agents.inference.config import PredictConfig
from psy_agents.inference.memory import give_back
from psy_agents.inference.parts import SCHEMA, UnfinishedPredictions, alone
from psy_agents.inference.posts import CheckedFile, Post, check_posts_file, chunks, read_posts, stamp_of
from psy_agents.inference.progress import PostsProgress

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Predictor

log = logging.getLogger(__name__)

ALTERING = {"columns", "max_posts", "blank_texts", "chunk_posts", "chunk_characters"}
"""Settings on which the results depend."""


def predict_file(agent: str, model: Path, config: PredictConfig) -> Path:
    """Predict every post of the file; memory does not grow with their number but while the file is checked (`check_posts_file`).

    Args:
        agent: whose model is asked for.
        model: folder of a saved agent.

    Returns:
        a folder of ``predictions.parquet``, ``predictions.jsonl`` and ``manifest.json``, which the caller takes away.

    Raises:
        UserError: the model is of another agent or damaged, or the file is not as `check_posts_file` wants it. Nothing
            has been written then.
    """
    predictor = load_predictor(agent, model)
    checked = check_posts_file(config)
    manifest = _manifest(predictor, model, config, checked)
    try:
        with alone(config.work, agent):
            unfinished = UnfinishedPredictions(config.work / f"{agent}.unfinished", manifest, agent)
            if not unfinished.joined:
                parts = _predict_chunks(predictor, config, checked, unfinished)
                if stamp_of(config.posts_file) != checked.stamp:
                    raise UserError(f"{config.posts_name} changed while it was predicted: run the same command again.")
                unfinished.join(parts)
            aside = f", {checked.blank} without text left out" if checked.blank else ""
            log.info("%s: %d posts predicted for %d criteria%s", agent, checked.posts, len(predictor.criteria), aside)
            return unfinished.tidy()
    except OSError as error:
        raise UserError(
            f"The predictions of {agent} cannot be written ({error.strerror or type(error).__name__}): make room or mend the disk; "
            f"the same command goes on."
        ) from None


def load_predictor(agent: str, model: Path) -> Predictor:
    """Load the model, checked by its hashes.

    Raises:
        UserError: it is damaged, or another agent's.
    """
    from transformers.utils import logging as told

    from psy_agents.inference.predictor import Predictor

    shown = told.is_progress_bar_enabled()
    told.disable_progress_bar()  # Of loading weights: there is one bar, that of the posts.
    try:
        predictor = Predictor(model)
    finally:
        if shown:
            told.enable_progress_bar()
    if predictor.name != agent:
        raise UserError(f"'{model}' holds a model of {predictor.name}, and {agent} was asked for: choose a version of {agent}'s model.")
    return predictor


def _manifest(predictor: Predictor, model: Path, config: PredictConfig, checked: CheckedFile) -> dict[str, Any]:
    """All that the predictions depend on, as plain data."""
    return {
        "agent": predictor.name,
        "model": {"version": model.parent.name, "sha256": model_checksum(model)},
        "file": {"name": config.posts_name, "sha256": checked.sha256, "posts": checked.posts, "blank": checked.blank},
        "settings": config.model_dump(mode="json", include=ALTERING),
        "program": __version__,
    }


def _predict_chunks(predictor: Predictor, config: PredictConfig, checked: CheckedFile, unfinished: UnfinishedPredictions) -> int:
    """Make the parts that are not there yet; return how many there are in all."""
    number, before = -1, 0
    with PostsProgress(predictor.name, checked.posts) as progress:
        for number, chunk in enumerate(chunks(read_posts(config), config.chunk_posts, config.chunk_characters)):  # noqa: B007
            if unfinished.holds(number, len(chunk) * len(predictor.criteria)):
                before += len(chunk)
                progress.skip(len(chunk))
                continue
            if before:
                log.info("%s: goes on behind %d of %d posts", predictor.name, before, checked.posts)
                before = 0
            unfinished.write(number, predictions(predictor, chunk))
            give_back()
            progress.advance(len(chunk))
    return number + 1


def predictions(predictor: Predictor, posts: Sequence[Post]) -> pa.Table:
    """What the model says of the posts, post by post and criterion by criterion, under the names of ``SCHEMA``."""
    from psy_agents.training.data import unlabelled

    found = predictor.predict_pairs(unlabelled(predictor.criteria, [post.text for post in posts]))
    spans = found.evidence
    columns = {
        "post_id": [post.post_id for post in posts for _ in predictor.criteria],
        "criterion": list(predictor.criteria) * len(posts),
        "probability": None if found.probabilities is None else found.probabilities.tolist(),
        "predicted": found.met.astype("int64"),
        "starts": None if spans is None else [[start for start, _, _ in each] for each in spans],
        "ends": None if spans is None else [[end for _, end, _ in each] for each in spans],
        "scores": None if spans is None else [[score for _, _, score in each] for each in spans],
    }
    rows = len(posts) * len(predictor.criteria)
    arrays = [pa.nulls(rows, field.type) if columns[field.name] is None else pa.array(columns[field.name], field.type) for field in SCHEMA]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)
