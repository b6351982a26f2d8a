"""The predictions of one agent, as a node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from psy_agents.inference.config import PredictConfig


def predict_agent(agent: str) -> Callable:
    """Make the node's function for one agent."""

    def predict(model: Path, config: PredictConfig) -> Path:
        """Predict the posts of the configured file with the refitted model; the folder of the results."""
        from psy_agents.inference.predict_file import predict_file

        return predict_file(agent, model, config)

    return predict
