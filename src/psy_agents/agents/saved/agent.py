"""Saves an agent to a folder in the Hugging Face format, and loads it.

``AutoModel`` loads ``encoder/`` (joint: ``criteria_encoder/`` and ``evidence_encoder/``), and ``AutoTokenizer`` loads the folder.
``heads.safetensors`` holds the heads, and ``agent.json`` everything else. Nothing is pickled. ``hashes.json`` holds the SHA-256 of
every other file. Of an agent with adapters the encoders' folders hold the adapters alone, for peft's ``PeftModel``, and ``base.json``
says what encoder they belong to (`saved.base`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from psy_agents.agents.config import ModelConfig
from psy_agents.agents.decoding import DecodingRule
from psy_agents.agents.encoders.loading import EncoderSource
from psy_agents.agents.encoders.lora import ADAPTERS, load_adapter_weights, save_adapters
from psy_agents.agents.model import AgentModel
from psy_agents.agents.registry import AGENTS, model_class, spec
from psy_agents.agents.renamed import with_new_names
from psy_agents.agents.saved.base import BASE, describe_base, locate_base
from psy_agents.agents.saved.checksums import CHECKSUMS, refuse_unlisted, verify_checksums, write_checksums
from psy_agents.agents.saved.description import SavedAgent, SavedTraining, read_description
from psy_agents.errors import UserError, errors_are_shown, where
from psy_agents.files.atomic import atomic_folder

FORMAT = 4


@dataclass(frozen=True)
class Decisions:
    """Calibration, thresholds and decoding rule chosen on validation.

    Attributes:
        threshold: minimum calibrated probability of a met criterion, for criteria that have no entry in ``thresholds``.
        rule: how spans are decoded.
        temperature, shift: calibrated log odds are log odds / temperature + shift (`psy_agents.evaluation.calibration`);
            1 and 0 change nothing.
        thresholds: by criterion, for criteria with enough positive pairs.
    """

    threshold: float = 0.5
    rule: DecodingRule = DecodingRule()
    temperature: float = 1.0
    shift: float = 0.0
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def thresholds_of(self, criteria: Iterable[str]) -> np.ndarray:
        """Return each criterion's threshold (criteria,); the common one for criteria without an entry."""
        return np.array([self.thresholds.get(criterion, self.threshold) for criterion in criteria])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``agent.json`` and ``ensemble.json``."""
        thresholds = {"threshold": self.threshold, "thresholds": dict(self.thresholds)}
        calibration = {"temperature": self.temperature, "shift": self.shift}
        return {**calibration, **thresholds, "decoding": asdict(self.rule)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Decisions:
        """Read the decisions from the entries of ``agent.json`` or ``ensemble.json``."""
        rule = DecodingRule(**data["decoding"])
        return cls(data["threshold"], rule, data["temperature"], data["shift"], data["thresholds"])


@dataclass(frozen=True)
class InferenceSettings:
    """Settings of a saved agent that its predictions depend on.

    Attributes:
        unit: ``post`` if it reads whole posts, ``sentence`` if it reads sentence by sentence.
        precision: number format of its matrix products, such as bfloat16.
        evaluation_tokens: padded tokens in a batch.
    """

    unit: str = "post"
    precision: str = "float32"
    evaluation_tokens: int = 8192


def save_agent(
    folder: Path,
    agent: AgentModel,
    name: str,
    tokenizer: Any,
    decisions: Decisions,
    criteria: Mapping[str, str],
    hyperparameters: Mapping[str, Any],
    settings: InferenceSettings,
    training: SavedTraining | None = None,
) -> None:
    """Write the agent to ``folder`` atomically: readers see the old folder or the new one."""
    from safetensors.torch import save_file

    prefixes = tuple(f"{encoder_name}." for encoder_name in agent.spec.encoders)
    heads = {k: v.detach().cpu().contiguous() for k, v in agent.state_dict().items() if not k.startswith(prefixes)}
    description = {
        "format": FORMAT,
        "agent": name,
        "model": agent.config.model_dump(include=set(ModelConfig.model_fields)),
        **decisions.to_dict(),
        "reading": asdict(settings),
        "criteria": dict(criteria),
        "hyperparameters": dict(hyperparameters),
        "training": None if training is None else training.model_dump(),
    }
    with atomic_folder(folder) as part:
        base = describe_base(agent.config.encoder, agent.base_folder) if agent.config.lora_rank else None
        for encoder_name in agent.spec.encoders:
            encoder = getattr(agent, encoder_name)
            if base is None:
                encoder.save_pretrained(part / encoder_name)
            else:
                save_adapters(encoder, part / encoder_name, base.encoder, base.revision)
        if base is not None:
            (part / BASE).write_text(base.model_dump_json(indent=1), encoding="utf-8")
        save_file(heads, part / "heads.safetensors")
        tokenizer.save_pretrained(part)
        (part / "agent.json").write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")
        write_checksums(part)


def load_agent(folder: Path, *, to_predict: bool = False) -> tuple[AgentModel, Any, Decisions, dict[str, Any]]:
    """Load an agent: the model in evaluation mode, its tokenizer, its decisions and the content of ``agent.json``.

    Args:
        to_predict: keep the weights under adapters in the number format in which the agent reads; merging needs float32.

    Raises:
        UserError: the folder is no saved agent, or a file of it is missing, altered, or no such file.
    """
    hashed = (folder / CHECKSUMS).is_file()
    recorded = verify_checksums(folder) if hashed else set()
    if not (folder / "agent.json").is_file():
        raise UserError(f"'{folder}' is not a saved agent: it has no agent.json{_meant(folder)}")
    description = read_description(folder / "agent.json", SavedAgent, FORMAT).model_dump()
    if not hashed:
        raise UserError(f"'{folder}' lacks {CHECKSUMS}, the list of its files: copy the model again, or refit it.")
    description["hyperparameters"] = with_new_names(description["hyperparameters"])
    if description["agent"] not in AGENTS:
        raise UserError(f"'{folder}' holds an agent {description['agent'][:50]}, and there is none of this name in agents/.")
    encoders = spec(description["agent"]).encoders
    for name in encoders:
        if not any((folder / name).glob("*.safetensors")):  # transformers would unpickle weights of another format.
            raise UserError(f"'{folder}' has no weights in safetensors in {name}, and no others are opened.")
    refuse_unlisted(folder, recorded, encoders)
    try:
        return *_load_model(folder, description, to_predict), Decisions.from_dict(description), description
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Of libraries that read a damaged file.
        if errors_are_shown():
            raise
        raise UserError(f"'{folder}' cannot be loaded ({where(error)}): copy the model again, or refit it.") from None


def _meant(folder: Path) -> str:
    """The end of a message: the newest saved model below the folder."""
    found = {file.parent for level in ("*", "*/*") for name in ("agent", "ensemble") for file in folder.glob(f"{level}/{name}.json")}
    nearest = min((len(each.parts) for each in found), default=0)  # The members of an ensemble lie below it.
    newest = max((each for each in found if len(each.parts) == nearest), default=None)
    return "." if newest is None else f"; did you mean '{newest}'?"


def _load_model(folder: Path, description: Mapping[str, Any], to_predict: bool) -> tuple[AgentModel, Any]:
    from safetensors.torch import load_file

    from psy_agents.agents.encoders.tokenizer import check_vocabulary, load_tokenizer

    agent_class, config = model_class(description["agent"]), ModelConfig(**description["model"])
    names = agent_class.spec.encoders
    folders = dict.fromkeys(names, locate_base(folder)) if config.lora_rank else {name: folder / name for name in names}
    reading = InferenceSettings(**description["reading"])
    agent = agent_class(config, EncoderSource(folders, getattr(torch, reading.precision) if to_predict else None))
    for name in names if config.lora_rank else ():
        load_adapter_weights(getattr(agent, name), load_file(folder / name / ADAPTERS))
    missing, unexpected = agent.load_state_dict(load_file(folder / "heads.safetensors"), strict=False)
    prefixes = tuple(f"{name}." for name in names)
    if unexpected or any(not key.startswith(prefixes) for key in missing):
        raise UserError(f"'{folder}' does not hold the heads that its agent.json describes: it was changed.")
    tokenizer = load_tokenizer(folder)
    for encoder in agent.encoders:
        check_vocabulary(tokenizer.backend_tokenizer, encoder.get_input_embeddings().num_embeddings, folder)
    return agent.eval(), tokenizer
