"""The Kedro pipeline inside an MLflow model: posts and a refitted agent -> predictions. No command runs it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from kedro.pipeline import Pipeline, node

if TYPE_CHECKING:
    from psy_agents.inference.predictor import Predictor
    from psy_agents.training.config import CudaGraphsSetting

POSTS, DEVICE, QUOTES, CUDA_GRAPHS = "posts_to_read", "params:device", "params:quotes", "params:cuda_graphs"
DEFAULTS = {DEVICE: "auto", QUOTES: False, CUDA_GRAPHS: "auto"}


def create_pipeline(agent: str) -> Pipeline:
    """The inference of one agent, in the agent's namespace, from the folder that its refit saves."""
    predict = node(predict_posts, inputs=[POSTS, "refit_model", *DEFAULTS], outputs="predictions", name="predict")
    return Pipeline([predict], namespace=agent, inputs={POSTS}, parameters=set(DEFAULTS))


def predict_posts(posts: pd.DataFrame, folder: Path, device: str, quotes: bool, cuda_graphs: CudaGraphsSetting) -> pd.DataFrame:
    """Predict every criterion of the posts with the agent in ``folder``.

    Args:
        posts: see `psy_agents.inference.frames.posts_of_frame`.
        device: a torch device; "auto" is the GPU if there is one, else the CPU.
        quotes: let each span carry the text between its offsets.
        cuda_graphs: see `psy_agents.inference.predictor.Predictor`.

    Raises:
        UserError: the posts are not such a table, or ``cuda_graphs`` is no such setting.
    """
    return load_predictor(folder, device, cuda_graphs).predict(posts, quotes=quotes)


@lru_cache(maxsize=4)
def load_predictor(folder: Path, device: str, cuda_graphs: CudaGraphsSetting) -> Predictor:
    """The agent, loaded once a process, as a served model predicts many times."""
    from psy_agents.inference.predictor import Predictor

    return Predictor(folder, None if device == "auto" else device, cuda_graphs=cuda_graphs)
