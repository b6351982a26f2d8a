"""What the corpus is like, as figures, plots and a page."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd

from psy_agents.corpus.config import CorpusSettings
from psy_agents.corpus.corpus import Corpus
from psy_agents.training.config import TrainingSettings

log = logging.getLogger(__name__)


def report(
    account: dict, corpus: Corpus, ratings: pd.DataFrame, settings: CorpusSettings, training: TrainingSettings
) -> tuple[dict[str, Any], Any, Any, Any, str]:
    """Count what the corpus holds, as the encoder of the training parameters reads it; draw it and write the page.

    One node does all, so the page exists before a search of hours begins.
    """
    from psy_agents.reporting.data_quality.build import measure_quality, quality_figures
    from psy_agents.reporting.data_quality.page import headline, quality_page

    quality = measure_quality(account, corpus, ratings, settings, training.hyperparameters({}))
    log.info("%s", headline(quality))
    figures = quality_figures(quality)
    return quality.model_dump(mode="json"), *figures, quality_page(quality, *figures)
