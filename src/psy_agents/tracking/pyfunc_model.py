"""A refitted agent as a model of MLflow that runs where nothing of this project is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from kedro.pipeline import Pipeline

import psy_agents
from psy_agents.agents.registry import spec
from psy_agents.tracking import inference_pipeline

if TYPE_CHECKING:
    from kedro_mlflow.pipeline.pipeline_ml import PipelineML
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

PACKAGES = (
    "cloudpickle", "kedro", "kedro-datasets", "kedro-mlflow", "mlflow", "numpy", "pandas", "protobuf", "pyarrow", "pydantic",
    "safetensors", "sentencepiece", "sqlalchemy", "tokenizers", "torch", "transformers",
)  # fmt: skip
"""What is imported between loading such a model and its answer; what they need in turn is in the constraints."""

EXAMPLE = {"post_id": ["example"], "text": ["On Sunday we walked along the river and had tea at home."]}

UNTIL_LOADED = "/until_it_is_loaded"
"""The model's folder in the pickle, which says nothing of this machine; kedro-mlflow puts the right one there when it loads."""


@dataclass(frozen=True)
class FinishedRefit:
    """What a refit has given.

    Attributes:
        training: the pipeline that made the model, in the agent's namespace.
        study: of the final training, or of the ensemble that was put together; one study makes one model.
        params: what the model was trained with.
        folder: the saved agent.
    """

    agent: str
    training: Pipeline
    study: str
    params: dict[str, Any]
    folder: Path


def log_refit(refit: FinishedRefit, tags: dict[str, str]) -> str:
    """Log the model in the active run, or link it there where an earlier run has logged it; return its address.

    What an earlier run has begun and not finished is deleted.
    """
    import mlflow
    from mlflow.entities import LoggedModelOutput

    client, run = mlflow.MlflowClient(), mlflow.active_run()
    for model in client.search_logged_models([run.info.experiment_id], f"tags.study = '{refit.study}'"):
        if _is_whole(client, model):
            if model.source_run_id != run.info.run_id:
                client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
            return model.model_uri
        client.delete_logged_model(model.model_id)
    return _log(refit, {"agent": refit.agent, "study": refit.study, **tags})


def model_pipeline(refit: FinishedRefit, requirements: list[str]) -> PipelineML:
    """The refit and the inference that goes with it, with all that is logged beside the model."""
    import pandas as pd
    from kedro_mlflow.pipeline import pipeline_ml_factory

    return pipeline_ml_factory(
        training=refit.training,
        inference=inference_pipeline.create_pipeline(refit.agent),
        input_name=inference_pipeline.POSTS,
        log_model_kwargs={
            "name": refit.agent,
            "params": refit.params,
            "signature": signature(refit.agent),
            # MLflow tries the example when it logs the model: not on a GPU, which the next agent's trials need.
            "input_example": (pd.DataFrame(EXAMPLE), {"device": "cpu"}),
            "pip_requirements": requirements,
            "code_paths": [str(Path(psy_agents.__file__).parent)],  # No index has this package.
        },
    )


def signature(agent: str) -> ModelSignature:
    """Columns in and out; those that the agent does not predict are optional, and empty."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, ParamSchema, ParamSpec, Schema

    predicted = spec(agent)
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "post_id", required=False)]),
        outputs=Schema(
            [
                ColSpec(DataType.string, "post_id"),
                ColSpec(DataType.string, "criterion"),
                ColSpec(DataType.double, "probability", required=predicted.predicts_criterion),
                ColSpec(DataType.boolean, "met"),
                ColSpec(Array(DataType.long), "starts", required=predicted.predicts_evidence),
                ColSpec(Array(DataType.long), "ends", required=predicted.predicts_evidence),
                ColSpec(Array(DataType.double), "scores", required=predicted.predicts_evidence),
            ]
        ),
        params=ParamSchema([ParamSpec("device", DataType.string, "auto")]),
    )


def pinned(packages: tuple[str, ...] | list[str]) -> list[str]:
    """``name==version`` as installed; a build's own label (2.13.0+cpu) is left out, for no index has it."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in packages]


def closure(packages: tuple[str, ...]) -> list[str]:
    """The packages and all that they need in turn, as far as it is installed here."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    left = list(packages)
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # Of another platform.
            continue
        found.add(name)
        left += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return sorted(found)


def _log(refit: FinishedRefit, tags: dict[str, str]) -> str:
    """As kedro-mlflow does it at the end of a run that holds nothing but a `PipelineML`."""
    import mlflow
    from kedro.io import DataCatalog, MemoryDataset

    from psy_agents.datasets import ModelFolderDataset
    from psy_agents.tracking.inference_pipeline import predictor
    from psy_agents.tracking.served_model import ServedModel

    model = f"{refit.agent}.refit_model"
    catalog = DataCatalog({model: ModelFolderDataset(filepath=UNTIL_LOADED), inference_pipeline.DEVICE: MemoryDataset("auto")})
    with TemporaryDirectory() as folder, _as_it_was():
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(pinned(closure(PACKAGES))) + "\n", encoding="utf-8")
        pipeline = model_pipeline(refit, [*pinned(PACKAGES), f"-c {constraints}"])
        python_model = ServedModel(pipeline.inference, catalog, pipeline.input_name, **pipeline.kpm_kwargs)
        try:
            logged = mlflow.pyfunc.log_model(
                python_model=python_model,
                artifacts={**python_model.extract_pipeline_artifacts(Path(folder)), model: refit.folder.resolve().as_uri()},
                tags=tags,
                **pipeline.log_model_kwargs,
            )
        finally:
            predictor.cache_clear()  # The example has loaded it.
    return logged.model_uri


def _is_whole(client: MlflowClient, model: Any) -> bool:
    return model.status == "READY" and bool(client.list_logged_model_artifacts(model.model_id))


@contextmanager
def _as_it_was() -> Iterator[None]:
    """No progress bars, and no trace of MLflow's trying the example.

    For that it puts the copy of the code in front, and workers that start later would take it.
    """
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as MLFLOWS_BARS
    from transformers.utils import logging as transformers_logging

    paths, mlflows, transformers = sys.path, MLFLOWS_BARS.get_raw(), transformers_logging.is_progress_bar_enabled()
    MLFLOWS_BARS.set(False)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        sys.path = paths
        MLFLOWS_BARS.unset() if mlflows is None else MLFLOWS_BARS.set(mlflows)
        if transformers:
            transformers_logging.enable_progress_bar()
