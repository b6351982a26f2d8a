"""A refitted agent as an MLflow pyfunc model, which runs without this project."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from kedro.pipeline import Pipeline

import psy_agents
from psy_agents.agents.registry import spec
from psy_agents.agents.saved.base import has_adapters
from psy_agents.evaluation.predictions import SCHEMA
from psy_agents.files.temporary import temporary_folder
from psy_agents.tracking import inference_pipeline

if TYPE_CHECKING:
    from kedro_mlflow.pipeline.pipeline_ml import PipelineML
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

PACKAGES = (
    "cloudpickle", "kedro", "kedro-datasets", "kedro-mlflow", "mlflow", "numpy", "pandas", "protobuf", "pyarrow", "pydantic",
    "safetensors", "sentencepiece", "sqlalchemy", "tokenizers", "torch", "transformers",
)  # fmt: skip
"""Packages imported by loading the model and predicting with it; `constraints.txt` pins their dependencies."""

EXAMPLE = {"post_id": ["example"], "text": ["On Sunday we walked along the river and had tea at home."]}

UNTIL_LOADED = "/until_it_is_loaded"
"""The model's folder in the pickle, which must name no path of this machine; kedro-mlflow sets the real one when it loads."""


@dataclass(frozen=True)
class FinishedRefit:
    """A refit that is to be logged.

    Attributes:
        training: the pipeline that trained the model, in the agent's namespace.
        study: of the final training, or of the ensemble; one study gives one model.
        params: the model's hyper-parameters.
        folder: the saved agent.
    """

    agent: str
    training: Pipeline
    study: str
    params: dict[str, Any]
    folder: Path


def log_refit(refit: FinishedRefit, tags: dict[str, str]) -> str:
    """Log the model in the active run, or link it to that run if an earlier one logged it; return its address.

    A model that an earlier run did not finish logging is deleted.
    """
    import mlflow
    from mlflow.entities import LoggedModelOutput

    client, run = mlflow.MlflowClient(), mlflow.active_run()
    for model in client.search_logged_models([run.info.experiment_id], f"tags.study = '{refit.study}'"):
        if _is_complete(client, model):
            if model.source_run_id != run.info.run_id:
                client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
            return model.model_uri
        client.delete_logged_model(model.model_id)
    return _log(refit, {"agent": refit.agent, "study": refit.study, **tags})


def model_pipeline(refit: FinishedRefit, requirements: list[str]) -> PipelineML:
    """The refit and its inference pipeline, with everything that is logged with the model."""
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
            # MLflow predicts the example when it logs the model: on the CPU, as the next agent's trials need the GPU.
            "input_example": (pd.DataFrame(EXAMPLE), {"device": "cpu"}),
            "pip_requirements": requirements,
            "code_paths": [str(Path(psy_agents.__file__).parent)],  # This package is on no index.
        },
    )


def signature(agent: str) -> ModelSignature:
    """Columns in and out, these from the schema of predictions; columns that the agent does not predict are optional."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, DataType, ParamSchema, ParamSpec, Schema

    predicts = {"probability": spec(agent).predicts_criterion, "spans": spec(agent).predicts_evidence}
    return ModelSignature(
        inputs=Schema([ColSpec(DataType.string, "text"), ColSpec(DataType.string, "post_id", required=False)]),
        outputs=Schema([ColSpec(_mlflow_type(field.type), field.name, required=predicts.get(field.name, True)) for field in SCHEMA]),
        params=ParamSchema([
            ParamSpec("device", DataType.string, "auto"),
            ParamSpec("quotes", DataType.boolean, False),
            ParamSpec("cuda_graphs", DataType.string, "auto"),
        ]),
    )


def _mlflow_type(arrow: pa.DataType) -> Any:
    """The MLflow type of an Arrow type; a span's quote is optional, as only a caller who requests it gets it."""
    from mlflow.types.schema import Array, DataType, Object, Property

    if pa.types.is_list(arrow):
        return Array(_mlflow_type(arrow.value_type))
    if pa.types.is_struct(arrow):
        return Object([Property(field.name, _mlflow_type(field.type), required=field.name != "quote") for field in arrow])
    scalars = {pa.string(): DataType.string, pa.float64(): DataType.double, pa.int64(): DataType.long, pa.bool_(): DataType.boolean}
    return scalars[arrow]


def pinned(packages: tuple[str, ...] | list[str]) -> list[str]:
    """``name==version`` as installed, without the label of a build (2.13.0+cpu), which no index has."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in packages]


def closure(packages: tuple[str, ...]) -> list[str]:
    """The packages and their installed dependencies, direct and indirect."""
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
        except PackageNotFoundError:  # A dependency on another platform only.
            continue
        found.add(name)
        left += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    return sorted(found)


def _log(refit: FinishedRefit, tags: dict[str, str]) -> str:
    """Log the model as kedro-mlflow does after a run of a `PipelineML`."""
    import mlflow
    from kedro.io import DataCatalog, MemoryDataset

    from psy_agents.datasets import ModelFolderDataset
    from psy_agents.tracking.inference_pipeline import load_predictor
    from psy_agents.tracking.served_model import ServedModel

    model = f"{refit.agent}.refit_model"
    defaults = {name: MemoryDataset(value) for name, value in inference_pipeline.DEFAULTS.items()}
    catalog = DataCatalog({model: ModelFolderDataset(filepath=UNTIL_LOADED), **defaults})
    with temporary_folder() as folder, _unchanged_process():
        constraints = folder / "constraints.txt"
        packages = (*PACKAGES, "peft") if has_adapters(refit.folder) else PACKAGES
        constraints.write_text("\n".join(pinned(closure(packages))) + "\n", encoding="utf-8")
        pipeline = model_pipeline(refit, [*pinned(packages), f"-c {constraints}"])
        python_model = ServedModel(pipeline.inference, catalog, pipeline.input_name, **pipeline.kpm_kwargs)
        try:
            logged = mlflow.pyfunc.log_model(
                python_model=python_model,
                artifacts={**python_model.extract_pipeline_artifacts(folder), model: refit.folder.resolve().as_uri()},
                tags=tags,
                **pipeline.log_model_kwargs,
            )
        finally:
            load_predictor.cache_clear()  # Predicting the example loaded the agent.
    return logged.model_uri


def _is_complete(client: MlflowClient, model: Any) -> bool:
    return model.status == "READY" and bool(client.list_logged_model_artifacts(model.model_id))


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Switch MLflow's progress bars off, and restore them and ``sys.path`` at the end.

    MLflow predicts the example with the logged copy of the code first on ``sys.path``; workers that start later would import it.
    """
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as MLFLOW_BARS

    paths, mlflow_bars = sys.path, MLFLOW_BARS.get_raw()
    MLFLOW_BARS.set(False)
    try:
        yield
    finally:
        sys.path = paths
        MLFLOW_BARS.unset() if mlflow_bars is None else MLFLOW_BARS.set(mlflow_bars)
