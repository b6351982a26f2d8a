"""The data-quality report of a corpus, as the agents' encoder reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.agents.encoders.shape import shape_of
from psy_agents.agents.encoders.tokenizer import criterion_tokens, plain_tokenizer
from psy_agents.agents.windows import too_short_for
from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.corpus.quality import Windowing, describe_quality
from psy_agents.corpus.quality_figures import DataQuality
from psy_agents.errors import UserError
from psy_agents.evaluation.agreement import annotator_agreement
from psy_agents.reporting.data_quality.figures import labels_plot, lengths_plot, rows_plot
from psy_agents.training.config import HyperParameters

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TOKENIZER_BATCH = 256


def measure_quality(
    account: Mapping[str, Any], corpus: Corpus, ratings: pd.DataFrame, settings: CorpusSettings, parameters: HyperParameters
) -> DataQuality:
    """Count what the corpus holds, in tokens and windows of the encoder, and how well its annotators agree.

    Args:
        ratings: each annotator's, see `psy_agents.corpus.annotators.ratings_of`.
    """
    windowing = encoder_windowing(corpus.criteria, parameters)
    quality = describe_quality(account, corpus, settings, windowing)
    return quality.model_copy(update={"annotators": annotator_agreement(ratings, corpus)})


def quality_figures(quality: DataQuality) -> tuple[Figure, Figure, Figure]:
    """Labels by split, posts by length, and used rows and rows set aside."""
    return labels_plot(quality), lengths_plot(quality), rows_plot(quality)


def encoder_windowing(criteria: Mapping[str, str], parameters: HyperParameters) -> Windowing:
    """How the encoder of these hyper-parameters splits pairs of criterion and post into windows.

    Raises:
        UserError: the longest criterion leaves no room for a post.
    """
    folder = locate_encoder(parameters.encoder)
    tokenizer = plain_tokenizer(folder)

    def token_ends(texts: Sequence[str]) -> Iterator[np.ndarray]:
        for begin in range(0, len(texts), TOKENIZER_BATCH):
            batch = texts[begin : begin + TOKENIZER_BATCH]
            for encoding in tokenizer.encode_batch(batch, add_special_tokens=False):
                yield np.fromiter((end for _, end in encoding.offsets), np.int64, len(encoding))

    tokens = criterion_tokens(tokenizer, criteria)
    longest = max(tokens, key=tokens.__getitem__)
    problem = too_short_for(parameters.max_length, tokens[longest], shape_of(folder).positions, longest)
    if problem:
        raise UserError(f"training.fixed.max_length: {problem}.")
    return Windowing(parameters.encoder, parameters.max_length, tokens[longest], parameters.window_overlap, token_ends)
