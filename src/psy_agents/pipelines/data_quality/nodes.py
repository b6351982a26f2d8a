"""What the corpus is like, as figures, plots and a page."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from psy_agents.corpus.config import CorpusSettings
from psy_agents.training.config import TrainingSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from psy_agents.corpus.quality import Reading
    from psy_agents.training.config import HyperParameters

log = logging.getLogger(__name__)

TOKENISER_BATCH = 256


def report(
    account: dict,
    posts: pd.DataFrame,
    pairs: pd.DataFrame,
    splits: pd.DataFrame,
    criteria: dict,
    settings: CorpusSettings,
    training: TrainingSettings,
) -> tuple[dict[str, Any], Any, Any, Any, str]:
    """Count what the corpus holds, as the encoder of the training parameters reads it; draw it and write the page.

    All in one node, so that the page is there before a search of hours begins.
    """
    from psy_agents.corpus.quality import describe_quality
    from psy_agents.reporting.data_quality.figures import labels_plot, lengths_plot, rows_plot
    from psy_agents.reporting.data_quality.page import headline, quality_page

    reading = _reading(list(criteria.values()), training.hyperparameters({}))
    quality = describe_quality(account, posts, pairs, splits, criteria, settings, reading)
    log.info("%s", headline(quality))
    figures = labels_plot(quality), lengths_plot(quality), rows_plot(quality)
    return quality.model_dump(mode="json"), *figures, quality_page(quality, *figures)


def _reading(criteria: list[str], parameters: HyperParameters) -> Reading:
    from psy_agents.agents.encoders.loading import locate_encoder
    from psy_agents.agents.windows import check_max_length
    from psy_agents.corpus.quality import Reading

    tokenizer = _tokenizer(locate_encoder(parameters.encoder))

    def token_ends(texts: Sequence[str]) -> Iterator[np.ndarray]:
        for begin in range(0, len(texts), TOKENISER_BATCH):
            batch = texts[begin : begin + TOKENISER_BATCH]
            for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
                yield np.fromiter((end for _, end in encoding.offsets), np.int64, len(encoding))

    longest = tokenizer.num_special_tokens_to_add(is_pair=True) + max(map(len, token_ends(criteria)))
    # How much the encoder itself can hold is checked when it is loaded, which takes seconds.
    check_max_length(parameters.max_length, longest, positions=parameters.max_length)
    return Reading(parameters.encoder, parameters.max_length, longest, parameters.window_overlap, token_ends)


def _tokenizer(folder: Path) -> Tokenizer:
    """The encoder's tokenizer; importing transformers for it takes seconds, so only where it must be built."""
    from tokenizers import Tokenizer

    from psy_agents.agents.encoders.loading import load_tokenizer

    saved = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(saved)) if saved.is_file() else load_tokenizer(folder).backend_tokenizer
    tokenizer.no_truncation()  # The file may hold the settings of the last call before it was saved.
    tokenizer.no_padding()
    return tokenizer
