"""Zero-shot natural language inference: does a sentence entail the criterion?

The premise is a sentence, the hypothesis the criterion's wording in a template (Yin, Hay and Roth, "Benchmarking Zero-shot Text
Classification", EMNLP 2019). A cross-encoder reads both. A post has the probability of its most probable sentence. Nothing is trained;
calibration, thresholds and decoding rule are chosen as for every baseline.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from psy_agents.baselines.config import BaselinesConfig
from psy_agents.baselines.sentences import distinct, sentence_candidates
from psy_agents.baselines.system import Answering, Baseline, BaselineSetup, System
from psy_agents.errors import UserError
from psy_agents.evaluation.calibration import log_odds
from psy_agents.evaluation.spans import sentence_spans
from psy_agents.files.checksums import file_states
from psy_agents.training.data import PairData
from psy_agents.training.scoring import Answers

BATCH_TOKENS = 8192
ENTAILMENT = "entailment"


class Nli(System):
    """``nli`` and ``nli_sentence``."""

    baselines = (Baseline("nli", "criteria", ("criteria",)), Baseline("nli_sentence", "evidence", ("evidence",)))

    def __init__(self, setup: BaselineSetup) -> None:
        super().__init__(setup)
        self._entailed: dict[str, np.ndarray] = {}

    @classmethod
    def is_used(cls, config: BaselinesConfig) -> bool:
        """Whether a model is named."""
        return config.nli.model is not None

    def depends_on(self) -> Mapping[str, Any]:
        """The hypothesis, and the model's files."""
        config = self.setup.config.nli
        return {"hypothesis": config.hypothesis, "model": file_states(Path(config.model))}

    def fit(self, train: PairData, setting: Hashable) -> Answering:
        """Learn nothing."""
        return self._answers

    def _answers(self, data: PairData) -> Answers:
        hypotheses = [self.setup.config.nli.hypothesis.format(criterion=wording) for wording in data.criteria.values()]
        texts, text_P = distinct(data.texts)
        spans = [sentence_spans(text) or [(0, len(text))] for text in texts]
        sentences = [text[start:end] for text, of_text in zip(texts, spans, strict=True) for start, end in of_text]
        probabilities = self._probabilities(sentences, hypotheses)
        first = np.cumsum([0, *map(len, spans[:-1])])
        highest = np.maximum.reduceat(probabilities, first, axis=0)
        candidates = sentence_candidates(data, lambda each: log_odds(self._probabilities(each, hypotheses)))
        return Answers(highest[text_P, data.criterion], candidates)

    def _probabilities(self, sentences: Sequence[str], hypotheses: Sequence[str]) -> np.ndarray:
        """(sentences, criteria) probabilities of entailment. Each sentence is read once."""
        new = [sentence for sentence in distinct(sentences)[0] if sentence not in self._entailed]
        if new:
            self._entailed |= dict(zip(new, entailment(new, hypotheses, self.setup.config.nli.model), strict=True))
        return np.array([self._entailed[sentence] for sentence in sentences]).reshape(len(sentences), len(hypotheses))


def entailment(premises: Sequence[str], hypotheses: Sequence[str], folder: str) -> np.ndarray:
    """(premises, hypotheses) probabilities that a premise entails a hypothesis, on a GPU if there is one.

    Args:
        folder: of a sequence classifier with a label ``entailment``, as save_pretrained writes it.

    Raises:
        UserError: there is no such folder, or the model has no such label or lacks weights.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from psy_agents.agents.encoders.loading import transformers_quiet
    from psy_agents.training.batches import token_budget_batches

    if not (Path(folder) / "config.json").is_file():
        raise UserError(f"baselines.nli.model '{folder}' is no folder with a config.json: save a cross-encoder there (save_pretrained).")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    options = {"local_files_only": True, "weights_only": True, "output_loading_info": True}
    with transformers_quiet():
        model, loading = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False, **options)
    model = model.to(device).eval()
    labels = {str(label).lower(): number for number, label in model.config.id2label.items()}
    if ENTAILMENT not in labels:
        raise UserError(f"The model in baselines.nli.model has no label '{ENTAILMENT}' (it has: {', '.join(labels)}): name an NLI model.")
    if missing := sorted(loading["missing_keys"]):
        raise UserError(f"The model in baselines.nli.model lacks {len(missing)} of its weights (first: {missing[0]}): name a whole one.")
    pairs = [(premise, hypothesis) for premise in premises for hypothesis in hypotheses]
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 512))
    encoded = tokenizer(*map(list, zip(*pairs, strict=True)), truncation="longest_first", max_length=longest)
    found = np.zeros(len(pairs))
    with torch.inference_mode():
        for chosen in token_budget_batches(np.array([len(ids) for ids in encoded["input_ids"]]), BATCH_TOKENS):
            batch = tokenizer.pad({name: [values[i] for i in chosen] for name, values in encoded.items()}, return_tensors="pt")
            probabilities = model(**batch.to(device)).logits.double().softmax(-1)
            found[chosen] = probabilities[:, labels[ENTAILMENT]].cpu().numpy()
    return found.reshape(len(premises), len(hypotheses))


SYSTEM = Nli
