"""Export of an agent as an ONNX graph, checked against torch. B: windows, T: tokens.

The graph ends where the agent's model ends: pooling a pair's windows, the threshold and the decoding of spans are
plain arithmetic on its outputs (`psy_agents.training.scoring`).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from psy_agents.agents.encoders.packing import Packing
from psy_agents.agents.inputs import WindowTensors
from psy_agents.agents.model import AgentModel, AgentOutput
from psy_agents.agents.saved.agent import InferenceSettings, load_agent
from psy_agents.inference.predictor import windows_of
from psy_agents.release.export_format import FOLDER_PLACEHOLDER, ExportFormat, FormatResult
from psy_agents.release.markdown import fenced, table
from psy_agents.training.data import unlabelled_pairs
from psy_agents.training.step.tables import WindowTables

log = logging.getLogger(__name__)

INPUTS = {
    "ids": "(windows, tokens) int64: token ids",
    "mask": "(windows, tokens) bool: true on real tokens",
    "answerable": "(windows, tokens) bool: true on the post's tokens and on position 0",
    "sentence": "(windows, tokens) int64: number of the token's sentence, from 0 in each window; -1 outside the post",
    "types": "(windows, tokens) int64: token types",
}
OUTPUTS = {
    "criterion": "(windows) float32: logit of the criterion",
    "start": "(windows, tokens) float32: logit of the evidence's first token; position 0 is no evidence, -inf where none can be",
    "end": "(windows, tokens) float32: the same of its last token",
}
TOLERANCE = 1e-3
"""Largest allowed difference of a logit. It changes a probability by at most 0.00025."""
EXAMPLE_WINDOWS = 3


class _Graph(nn.Module):
    """The agent as a module whose inputs and outputs are tensors."""

    def __init__(self, agent: AgentModel) -> None:
        super().__init__()
        self.agent = agent

    def forward(self, ids: Tensor, mask: Tensor, answerable: Tensor, sentence: Tensor, types: Tensor | None = None) -> tuple[Tensor, ...]:
        return tuple(_named_outputs(self.agent(_windows(ids, mask, answerable, sentence, types))).values())


def _windows(ids: Tensor, mask: Tensor, answerable: Tensor, sentence: Tensor, types: Tensor | None = None) -> WindowTensors:
    # The size of a graph's tensor cannot depend on a value. The number of tokens bounds the number of sentences.
    return WindowTensors(ids, mask, types, answerable, sentence, Packing((), ids.shape[1], ids.device), n_sentences=ids.shape[1])


def _named_outputs(output: AgentOutput) -> dict[str, Tensor]:
    every = {"criterion": output.criterion_B, "start": output.start_BT, "end": output.end_BT}
    return {name: each for name, each in every.items() if each is not None}


class Onnx(ExportFormat):
    """``model.onnx``. The file is removed if its outputs differ from torch's.

    Windows for tracing and checking consist of words of the criteria, so the file holds no text of a post.
    """

    title = "an ONNX graph"
    file = "model.onnx"
    packages = ("onnx", "onnxruntime", "onnxscript")
    extra = "onnx"

    def export_agent(self, folder: Path, card_path: str) -> FormatResult:
        """Trace, write and check the graph of one agent."""
        agent, tokenizer, _, described = load_agent(folder)
        if agent.config.lora_rank:
            agent.merge_adapters()
        criteria, settings = described["criteria"], InferenceSettings(**described["reading"])
        inputs = _example_inputs(agent, tokenizer, settings, criteria, _texts(list(criteria.values()), agent.config.max_length))
        target = folder / self.file
        name = f"{described['agent']} ({folder.name})" if card_path != FOLDER_PLACEHOLDER else described["agent"]
        try:
            with _exporter_silenced():
                _write(_Graph(agent).eval(), inputs[0], target)
            deviation = _deviation(agent, inputs, target)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # The exporter raises many types of errors.
            target.unlink(missing_ok=True)
            return _unsupported(name, f"the exporter failed on this encoder ({type(error).__name__})")
        shapes = tuple(tuple(case["ids"].shape) for case in inputs)
        if not deviation <= TOLERANCE:
            target.unlink()
            return _unsupported(name, f"its outputs differed from torch's by up to {deviation:.3g}")
        log.info("%s as ONNX: logits differ from torch's by at most %.2g on %d shapes", name, deviation, len(shapes))
        return FormatResult(_text(inputs[0], list(_outputs(agent, inputs[0])), deviation, shapes, card_path), True, deviation, shapes)


def onnx_inputs(folder: str | Path, texts: list[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The inputs of ``model.onnx`` for texts, by name, and the index of each window's pair.

    The pairs are each text with every criterion, in the order of ``agent.json``.
    """
    agent, tokenizer, _, described = load_agent(Path(folder))
    windows = windows_of(agent, tokenizer, InferenceSettings(**described["reading"]), unlabelled_pairs(described["criteria"], texts))
    tables = WindowTables(windows, tokenizer.pad_token_id, torch.device("cpu"))
    tensors = _inputs(tables.take(np.arange(len(windows.pair))))
    return {name: tensor.numpy() for name, tensor in tensors.items()}, windows.pair


def _texts(criteria: list[str], max_length: int) -> list[str]:
    """A short text, one of some sentences, and one of more than a window."""
    together = " ".join(criteria)
    return [criteria[0], together, " ".join([together] * (1 + max_length // max(1, len(together.split()))))]


def _example_inputs(
    agent: AgentModel, tokenizer: Any, settings: InferenceSettings, criteria: dict[str, str], texts: list[str]
) -> list[dict[str, Tensor]]:
    """Inputs of several shapes. The first is traced."""
    windows = windows_of(agent, tokenizer, settings, unlabelled_pairs(criteria, texts))
    order = np.argsort(windows.lengths, kind="stable")
    mixed = order[np.linspace(0, len(order) - 1, min(len(order), 7)).astype(int)]
    chosen = [np.unique(mixed)[:EXAMPLE_WINDOWS], order[:1], order[-1:], mixed, order[-2:]]
    tables = WindowTables(windows, tokenizer.pad_token_id, torch.device("cpu"))
    return [_inputs(tables.take(each)) for each in chosen]


def _inputs(windows: WindowTensors) -> dict[str, Tensor]:
    every = (windows.ids_BT, windows.mask_BT, windows.answerable_BT, windows.sentence_BT, windows.types_BT)
    return {name: tensor for name, tensor in zip(INPUTS, every, strict=True) if tensor is not None}


def _outputs(agent: AgentModel, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        return {name: tensor.numpy() for name, tensor in _named_outputs(agent(_windows(**inputs))).items()}


def _write(graph: _Graph, example: dict[str, Tensor], target: Path) -> None:
    windows, tokens = torch.export.Dim("windows"), torch.export.Dim("tokens")
    program = torch.onnx.export(
        graph,
        (),
        kwargs=example,
        output_names=list(_outputs(graph.agent, example)),
        dynamic_shapes={name: {0: windows, 1: tokens} for name in example},
        dynamo=True,
        verbose=False,
    )
    # The metadata hold paths of this machine.
    program.model.metadata_props.clear()
    for part in (program.model.graph, *program.model.functions.values()):
        part.metadata_props.clear()
        for node in part.all_nodes():
            node.metadata_props.clear()
            for value in node.outputs:
                value.metadata_props.clear()
    program.save(target, external_data=False)


def _deviation(agent: AgentModel, inputs: list[dict[str, Tensor]], file: Path) -> float:
    """Largest absolute difference of a finite logit. It is infinite if only one of the two logits is finite."""
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names, worst = [each.name for each in session.get_outputs()], 0.0
    for case in inputs:
        found = session.run(names, {each.name: case[each.name].numpy() for each in session.get_inputs()})
        for name, wanted in _outputs(agent, case).items():
            got = found[names.index(name)]
            if got.shape != wanted.shape or not (np.isfinite(got) == np.isfinite(wanted)).all():
                return float("inf")
            finite = np.isfinite(wanted)
            worst = max(worst, float(np.abs(got[finite] - wanted[finite]).max()))
    return worst


@contextmanager
def _exporter_silenced() -> Iterator[None]:
    """Silence the exporter's warnings about packages that are not needed."""
    noisy = logging.getLogger("torch.onnx")
    level = noisy.level
    noisy.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        noisy.setLevel(level)


def _unsupported(agent: str, why: str) -> FormatResult:
    log.warning("%s has no ONNX graph: %s", agent, why)
    return FormatResult(f"There is no ONNX graph: {why}.", written=False)


def _text(example: dict[str, Tensor], outputs: list[str], deviation: float, shapes: tuple[tuple[int, int], ...], card_path: str) -> str:
    lines = [
        "import onnxruntime",
        "from psy_agents.release.formats.onnx import onnx_inputs",
        "",
        "onnxruntime.disable_telemetry_events()",
        f'inputs, pair = onnx_inputs("{card_path}", ["Text of a post."])',
        f'session = onnxruntime.InferenceSession("{card_path}/{Onnx.file}")',
        f"{', '.join(outputs)}{',' if len(outputs) == 1 else ''} = session.run(None, inputs)",
    ]
    rows = [*((f"`{name}`", INPUTS[name]) for name in example), *((f"`{name}`, output", OUTPUTS[name]) for name in outputs)]
    tried = ", ".join(f"{windows} x {tokens}" for windows, tokens in shapes)
    return "\n\n".join(
        [
            f"`{Onnx.file}` is the encoders and heads as one graph in float32, for any number of windows and tokens. Its logits differ "
            f"from torch's by at most {deviation:.2g}, measured on windows x tokens of {tried}. Thresholds, pooling over windows and "
            "decoding are not in it.",
            fenced(lines, "python"),
            table(("Tensor", "what it holds"), rows),
        ]
    )
