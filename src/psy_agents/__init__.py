"""Find, train and hand over transformer models that recognise DSM-5 symptoms and show the evidence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Predictor
    from psy_agents.training.config import CudaGraphsSetting

__version__ = "0.2.0.dev0"


def load(folder: str | Path, *, cuda_graphs: CudaGraphsSetting = "auto") -> Predictor:
    """A refitted agent or ensemble, ready to predict: ``load("data/06_models/refit/...").predict(["text of a post"])``.

    Args:
        cuda_graphs: see `psy_agents.inference.predictor.Predictor`.
    """
    from psy_agents.inference.predictor import Predictor

    return Predictor(Path(folder), cuda_graphs=cuda_graphs)
