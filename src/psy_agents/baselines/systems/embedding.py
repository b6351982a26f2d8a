"""A frozen encoder: logistic regression on sentence embeddings, and the sentences nearest to the criterion's wording.

A sentence's embedding is the mean of its token states, of length 1 (Reimers and Gurevych, "Sentence-BERT", EMNLP 2019). A post is the
mean of its sentences' embeddings and their highest value in each dimension.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.sentences import TextModel, distinct
from psy_agents.baselines.system import Answering, Baseline, BaselineSetup, System
from psy_agents.evaluation.spans import sentence_spans
from psy_agents.files.checksums import file_states
from psy_agents.training.data import PairData

BATCH_TOKENS = 8192


class Embedding(System):
    """``embedding_logistic``; ``embedding_sentence``, by cosine alone; ``embedding_logistic_sentence``, by cosine and regression."""

    baselines = (
        Baseline("embedding_logistic", "criteria", ("criteria",)),
        Baseline("embedding_sentence", "evidence", ("evidence",)),
        Baseline("embedding_logistic_sentence", "evidence", ("criteria", "evidence")),
    )

    def __init__(self, setup: BaselineSetup) -> None:
        super().__init__(setup)
        self._vectors: dict[str, np.ndarray] = {}

    @classmethod
    def is_used(cls, config: BaselinesConfig) -> bool:
        """Unless it is switched off."""
        return config.embedding.use

    def settings(self, baseline: Baseline) -> Sequence[Hashable]:
        """C where the regression is used."""
        return self.setup.config.embedding.c if "criteria" in baseline.uses else (None,)

    def depends_on(self) -> Mapping[str, Any]:
        """The settings that are tried, and the encoder's files."""
        from psy_agents.agents.encoders.loading import locate_encoder

        return {"c": list(self.setup.config.embedding.c), "encoder": file_states(locate_encoder(self._encoder))}

    def fit(self, train: PairData, setting: float | None) -> Answering:
        """Fit the regressions; the encoder stays as it is."""
        return TextModel(train, self._posts, self._sentences, setting)

    def _posts(self, texts: Sequence[str]) -> np.ndarray:
        spans = [sentence_spans(text) or [(0, len(text))] for text in texts]
        sentences = self._sentences([text[start:end] for text, of_text in zip(texts, spans, strict=True) for start, end in of_text])
        parts = np.split(sentences, np.cumsum([len(of_text) for of_text in spans])[:-1])
        return np.array([np.concatenate([part.mean(axis=0), part.max(axis=0)]) for part in parts])

    def _sentences(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, hidden size) embeddings. Each text is embedded once, because neither fit nor setting changes it."""
        new = [text for text in distinct(texts)[0] if text not in self._vectors]
        if new:
            self._vectors |= dict(zip(new, embed(new, self._encoder), strict=True))
        return np.array([self._vectors[text] for text in texts])

    @property
    def _encoder(self) -> str:
        return self.setup.config.embedding.encoder or self.setup.training.hyperparameters({}).encoder


def embed(texts: Sequence[str], encoder: str) -> np.ndarray:
    """(texts, hidden size) sentence embeddings of length 1, by an encoder on the CPU: the process of a search leaves GPUs to its workers.

    Args:
        encoder: name or folder, as `locate_encoder` takes it; a longer text is cut at its longest input.

    Raises:
        UserError: the encoder was not found.
    """
    import torch

    from psy_agents.agents.encoders.loading import load_encoder, locate_encoder, max_positions
    from psy_agents.agents.encoders.tokenizer import load_tokenizer
    from psy_agents.training.batches import token_budget_batches

    folder = locate_encoder(encoder)
    tokenizer, model = load_tokenizer(folder), load_encoder(folder, dropout=0.0).eval()
    encoded = tokenizer(list(texts), truncation=True, max_length=max_positions(model))["input_ids"]
    lengths = np.array([len(ids) for ids in encoded])
    vectors = np.zeros((len(texts), model.config.hidden_size))
    with torch.inference_mode():
        for chosen in token_budget_batches(lengths, BATCH_TOKENS):
            batch = tokenizer.pad({"input_ids": [encoded[i] for i in chosen]}, return_tensors="pt")
            states_BTH = model(**batch).last_hidden_state
            mask_BT1 = batch["attention_mask"].unsqueeze(-1)
            vectors[chosen] = ((states_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)).double().numpy()
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


SYSTEM = Embedding
