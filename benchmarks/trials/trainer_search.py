"""The reference search: `transformers.Trainer.hyperparameter_search(backend="optuna")`, as in its documentation.

The Trainer needs accelerate. Texts are tokenised with ``truncation=True`` and, in the arm "max_length", with
``padding="max_length"``, which pads to the tokenizer's longest input; the arm "dynamic" leaves the padding to
`DataCollatorWithPadding`. Other settings have the Trainer's defaults: float32 (unless ``bf16`` is set), AdamW, batches in
random order. Both searches share encoder, pairs, splits, learning rates, epochs,
batch size, warm-up, weight decay, thresholds chosen on validation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna

from psy_agents.agents.encoders.loading import locate_encoder
from psy_agents.corpus.corpus import Corpus
from psy_agents.evaluation.classification import classification_metrics
from psy_agents.evaluation.thresholds import best_threshold
from psy_agents.training.data import PairData, split_pairs


def trainer_search(
    corpus: Corpus,
    encoder: str,
    rates: Sequence[float],
    *,
    padding: str,
    epochs: int,
    batch_size: int,
    frozen_layers: int,
    bf16: bool,
    device: str,
    scored: Callable[[int, float], None],
) -> None:
    """Search the learning rates, one trial each; ``scored`` receives a trial's number and its best macro-F1 after each epoch.

    Args:
        padding: max_length or dynamic.
        frozen_layers: with the embeddings, the lowest layers of the encoder that are not trained; 0 trains all.
        bf16: the Trainer's flag of that name; float32 is its default.
        device: cpu or cuda.
    """
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    folder = locate_encoder(encoder)
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def dataset(data: PairData) -> list[dict[str, Any]]:
        options = {"padding": "max_length"} if padding == "max_length" else {}
        read = tokenizer(data.criterion_texts, data.texts, truncation=True, **options)
        return [{**{name: values[i] for name, values in read.items()}, "labels": int(label)} for i, label in enumerate(data.labels)]

    validation = split_pairs(corpus, "validation")
    values: list[list[float]] = []  # Of each trial, epoch by epoch.

    def compute_metrics(prediction: Any) -> dict[str, float]:
        logits = prediction.predictions.astype(np.float64)
        probabilities = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
        values[-1].append(macro_f1(validation, probabilities))
        scored(len(values) - 1, max(values[-1]))
        return {"macro_f1": values[-1][-1]}

    def model(_trial: optuna.Trial | None) -> Any:
        made = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)
        if frozen_layers:
            for part in (made.base_model.embeddings, *made.base_model.encoder.layer[:frozen_layers]):
                part.requires_grad_(False)
        return made

    def space(trial: optuna.Trial) -> dict[str, float]:
        values.append([])
        return {"learning_rate": trial.suggest_categorical("learning_rate", list(rates))}

    with tempfile.TemporaryDirectory() as folder_of_checkpoints:
        trainer = Trainer(
            model_init=model,
            args=TrainingArguments(
                output_dir=folder_of_checkpoints,
                num_train_epochs=epochs,
                per_device_train_batch_size=batch_size,
                per_device_eval_batch_size=batch_size,
                eval_strategy="epoch",
                save_strategy="no",
                warmup_steps=0.1,
                weight_decay=0.01,
                report_to="none",
                disable_tqdm=True,
                bf16=bf16,
                use_cpu=device == "cpu",
            ),
            train_dataset=dataset(split_pairs(corpus, "train")),
            eval_dataset=dataset(validation),
            processing_class=tokenizer,
            data_collator=None if padding == "max_length" else DataCollatorWithPadding(tokenizer),
            compute_metrics=compute_metrics,
        )
        trainer.hyperparameter_search(
            direction="maximize",
            backend="optuna",
            hp_space=space,
            n_trials=len(rates),
            compute_objective=lambda metrics: max(values[-1]),
            pruner=optuna.pruners.NopPruner(),  # As in stage 0; the default would end some trials early.
            sampler=optuna.samplers.GridSampler({"learning_rate": list(rates)}, seed=0),
        )


def macro_f1(data: PairData, probabilities: np.ndarray) -> float:
    """At the threshold that is best on the same pairs, as a trial of ours scores an epoch."""
    met = probabilities >= best_threshold(data.labels, probabilities, data.criterion)
    return classification_metrics(data.labels, probabilities, met, data.criterion, list(data.criteria))["macro_f1"]
