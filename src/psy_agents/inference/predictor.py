"""A saved agent that predicts new posts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, overload

import numpy as np
import pandas as pd
import torch

from psy_agents.agents.decoding import decode_with_scores
from psy_agents.agents.encoders.loading import max_positions
from psy_agents.agents.model import AgentModel
from psy_agents.agents.saved.agent import Decisions, InferenceSettings, load_agent
from psy_agents.agents.saved.description import SavedTraining
from psy_agents.agents.saved.ensemble import is_ensemble, read_ensemble
from psy_agents.agents.windows import Windows
from psy_agents.errors import UserError, errors_are_shown, where
from psy_agents.evaluation.predictions import Prediction
from psy_agents.evaluation.spans import Span
from psy_agents.inference.answerer import Answerer
from psy_agents.inference.frames import frame_of_predictions, posts_of_frame
from psy_agents.training.config import CudaGraphsSetting
from psy_agents.training.data import PairData, tokenise, tokenise_sentences, unlabelled_pairs
from psy_agents.training.scoring import Answers
from psy_agents.training.step.graphs import CudaGraphs, Graphs, why_agent_not_captured
from psy_agents.training.step.memory import is_out_of_memory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PairPredictions:
    """Predictions of many pairs: arrays over the pairs, and a list of spans for each; None where not predicted.

    Attributes:
        uncalibrated: the probabilities before calibration; for an ensemble, their mean.
        thresholds: the threshold that decides each pair.
    """

    probabilities: np.ndarray | None
    uncalibrated: np.ndarray | None
    thresholds: np.ndarray | None
    predicted: np.ndarray
    spans: list[list[Span]] | None


class Predictor:
    """A single agent (written by `save_agent`) or an ensemble (written by `save_ensemble`) on the best available device.

    The same posts, predicted together, give the same numbers to the last bit on the same kind of machine, as long as its memory
    suffices (`Answerer`).

    An ensemble averages the calibrated probabilities of its members: all are then on one scale, and an overconfident member
    does not dominate. The mean of calibrated probabilities is underconfident (Rahaman and Thiery, "Uncertainty quantification
    and deep ensembles", NeurIPS 2021), so the ensemble has a temperature of its own.

    Args:
        cuda_graphs: auto: on a GPU, batches are filled to a few shapes, and a shape that recurs is captured in a CUDA graph, if the
            agent's encoders allow it. off: not.

    Attributes:
        name: criteria, evidence, share or joint. criteria: id -> wording, as trained.
        decisions: calibration, thresholds and decoding rule of the agent, or of the ensemble as a whole.
        encoder: hub name or folder from which it was trained; of an ensemble, those of its members, joined by ``+``.
        training: corpus, number of posts and date of its training; None of a model that an earlier version saved.
    """

    def __init__(self, folder: Path, device: str | None = None, *, cuda_graphs: CudaGraphsSetting = "auto") -> None:
        if cuda_graphs not in get_args(CudaGraphsSetting):
            raise UserError(f"cuda_graphs is {cuda_graphs!r}, but there are {' and '.join(get_args(CudaGraphsSetting))}: choose one.")
        chosen = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._is_ensemble = is_ensemble(folder)
        folders, decisions = read_ensemble(folder) if self._is_ensemble else ([folder], None)
        graphs = new_graphs(chosen) if cuda_graphs == "auto" else None
        self._members = [_Member(each, chosen, graphs) for each in folders]
        for reason in dict.fromkeys(each.refusal for each in self._members if each.refusal):
            log.info("%s", reason)
        first = self._members[0]
        if any((each.name, each.criteria) != (first.name, first.criteria) for each in self._members):
            raise UserError(f"'{folder}' holds agents of different kinds or criteria: it was changed.")
        self.decisions = decisions if self._is_ensemble else first.decisions
        self.name, self.criteria, self.training = first.name, first.criteria, first.training
        self.encoder = " + ".join(dict.fromkeys(each.encoder for each in self._members))

    def __repr__(self) -> str:
        kind = f"ensemble of {len(self._members)}, " if self._is_ensemble else ""
        origin = "by an earlier version, which kept no data and no date"
        if self.training is not None:
            name = f" of {self.training.corpus}" if self.training.corpus else ""
            origin = f"on {self.training.posts:,} posts{name}, {self.training.date}"
        return f"<{self.name} agent: {kind}{self.encoder}; criteria {', '.join(self.criteria)}; trained {origin}>"

    @overload
    def predict(self, posts: pd.DataFrame, *, quotes: bool = True) -> pd.DataFrame: ...

    @overload
    def predict(self, posts: Sequence[str], *, quotes: bool = True) -> list[dict[str, Prediction]]: ...

    def predict(self, posts: Sequence[str] | pd.DataFrame, *, quotes: bool = True) -> list[dict[str, Prediction]] | pd.DataFrame:
        """Predict every criterion of each post.

        Args:
            posts: texts, or a data frame with the column ``text`` and, if posts have ids, ``post_id``.
            quotes: let each span carry the text between its offsets.

        Returns:
            of texts: one mapping for each, criterion id -> `Prediction`. Of a data frame: a data frame with a row for each post and
            criterion, in the columns of `psy_agents.evaluation.predictions.SCHEMA`.

        Raises:
            UserError: the posts are neither, or a row of the data frame has no text.
        """
        if isinstance(posts, pd.DataFrame):
            ids, texts = posts_of_frame(posts)
            return frame_of_predictions(ids, self._predict_texts(texts, quotes))
        if isinstance(posts, str):
            raise UserError("predict takes a list of texts, or a data frame: write [text] for a single text.")
        texts = list(posts)
        wrong = next((place for place, text in enumerate(texts) if not isinstance(text, str)), None)
        if wrong is not None:
            raise UserError(f"Text {wrong} (from 0 on) is a {type(texts[wrong]).__name__}, not a string.")
        return self._predict_texts(texts, quotes)

    def _predict_texts(self, texts: list[str], quotes: bool) -> list[dict[str, Prediction]]:
        if not texts:
            return []
        pairs = unlabelled_pairs(self.criteria, texts)
        found = self.predict_pairs(pairs)
        probabilities = [None] * len(pairs) if found.probabilities is None else found.probabilities.tolist()
        spans = [None] * len(pairs) if found.spans is None else found.spans
        if quotes and found.spans is not None:
            spans = [_quoted(each, text) for each, text in zip(spans, pairs.texts, strict=True)]
        every = [Prediction(*each) for each in zip(probabilities, found.predicted.tolist(), spans, strict=True)]
        n = len(self.criteria)
        return [dict(zip(self.criteria, every[i : i + n], strict=True)) for i in range(0, len(every), n)]

    def predict_pairs(self, data: PairData) -> PairPredictions:
        """Predictions of the pairs, in their order; their labels are not read."""
        decisions, raw = self.decisions, [member.answers(data) for member in self._members]
        if self._is_ensemble:
            together = average(raw, [member.decisions for member in self._members])
        else:
            (together,) = raw
        answers, spans = together.calibrated(decisions.temperature, decisions.shift), None
        if answers.candidates is not None:
            spans = decode_with_scores(answers.candidates, decisions.rule, len(data), answers.criterion_logits_P)
        if answers.probabilities_P is None:
            return PairPredictions(None, None, None, np.array([len(found) > 0 for found in spans], dtype=bool), spans)
        thresholds = decisions.thresholds_of(data.criteria)[data.criterion]
        uncalibrated = np.mean([each.probabilities_P for each in raw], axis=0)
        predicted = answers.probabilities_P >= thresholds
        return PairPredictions(answers.probabilities_P, uncalibrated, thresholds, predicted, spans)


def average(answers: Sequence[Answers], decisions: Sequence[Decisions]) -> Answers:
    """The mean answer of an ensemble.

    Args:
        answers: of each member, uncalibrated.
        decisions: of each member, with its calibration.
    """
    return Answers.averaged([each.calibrated(own.temperature, own.shift) for each, own in zip(answers, decisions, strict=True)])


def _quoted(spans: Sequence[Span], text: str) -> list[Span]:
    return [span._replace(quote=text[span.start : span.end]) for span in spans]


def new_graphs(device: torch.device) -> Graphs | None:
    """Graphs for all members of an ensemble; None on a CPU."""
    return CudaGraphs(device, "predictions", "cuda_graphs") if device.type == "cuda" else None


class _Member:
    """One saved agent on a device.

    Attributes:
        refusal: why it runs without graphs although there are any, as a line of the log.
    """

    def __init__(self, folder: Path, device: torch.device, graphs: Graphs | None) -> None:
        self._folder = folder
        agent, self._tokenizer, self.decisions, description = load_agent(folder, to_predict=True)
        self.name: str = description["agent"]
        self.criteria: dict[str, str] = description["criteria"]
        self.encoder: str = description["model"]["encoder"]
        self.training = None if description["training"] is None else SavedTraining(**description["training"])
        self._settings = InferenceSettings(**description["reading"])
        self._agent = agent.to(device)
        precision = getattr(torch, self._settings.precision)
        self._agent.enable_packing(device, precision)
        self._agent.enable_short_last_layer(device, precision)
        self._agent.cast_base(precision)
        reason = None if graphs is None else why_agent_not_captured(self._agent)
        self.refusal = f"{self._agent.encoders[0].config.model_type} runs without CUDA graphs: {reason}" if reason else None
        self._answerer = Answerer(self._agent, self._tokenizer.pad_token_id, device, self._settings, None if reason else graphs)

    def answers(self, data: PairData) -> Answers:
        """The member's uncalibrated answers.

        Raises:
            UserError: the model loads and cannot run, or its answers are not numbers.
        """
        windows = windows_of(self._agent, self._tokenizer, self._settings, data)
        try:
            found = self._answerer(windows)
        except Exception as error:  # Of libraries that run a changed model.
            if isinstance(error, UserError) or is_out_of_memory(error) or errors_are_shown():
                raise
            raise UserError(f"'{self._folder}' cannot predict ({where(error)}): copy the model again, or refit it.") from None
        if not found.are_numbers():
            raise UserError(f"'{self._folder}' gives answers that are not numbers: copy the model again, or refit it.")
        return found


def windows_of(agent: AgentModel, tokenizer: Any, settings: InferenceSettings, data: PairData) -> Windows:
    """The windows that a saved agent reads for the pairs."""
    cut = tokenise_sentences if settings.unit == "sentence" else tokenise
    return cut(
        tokenizer,
        data,
        max_length=agent.config.max_length,
        overlap=agent.config.window_overlap,
        positions=max_positions(agent.encoders[0]),
    )
