"""The Trainer's side of `gpu.py`: BERT's classifier on the same pairs, with bf16 on a GPU."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from on_gpu.encoders import DECODER, quiet_transformers

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.data import PairData, split_pairs

WAYS = ("dynamic", "grouped", "max_length")
"""Padding to the longest of a batch; the same with batches of similar length (``group_by_length``); to the longest input of all."""
WARM_UP = 4  # Steps that are not timed.


def installed() -> bool:
    """Whether the Trainer can run: it needs accelerate."""
    try:
        import accelerate  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def dataset(tokenizer: Any, data: PairData, way: str) -> list[dict[str, Any]]:
    """Pairs as the Trainer reads them, cut at the tokenizer's longest input."""
    padding = {"padding": "max_length"} if way == "max_length" else {}
    read = tokenizer(data.criterion_texts, data.texts, truncation=True, **padding)
    return [{**{name: values[i] for name, values in read.items()}, "labels": int(label)} for i, label in enumerate(data.labels)]


class TrainerSteps:
    """Steps of the Trainer on a corpus's training pairs, timed between the first steps and the last."""

    def __init__(self, encoder: Path, corpus: Corpus, way: str, batch: int, device: str) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding

        self.way, self.batch, self.device = way, batch, device
        self.tokenizer = AutoTokenizer.from_pretrained(encoder)
        with quiet_transformers():
            self.model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2)
        if encoder.name == DECODER:
            self.model = _with_adapters(self.model, self.tokenizer.pad_token_id)
        self.data = dataset(self.tokenizer, split_pairs(corpus, "train"), way)
        self.collator = None if way == "max_length" else DataCollatorWithPadding(self.tokenizer)
        self.tokens = sum(sum(each["attention_mask"]) for each in self.data) / len(self.data) * batch  # Real ones of a step, in the mean.

    def seconds_per_step(self, steps: int) -> float:
        """Train so many steps after the warm-up; seconds of one of them, its batch's collation included."""
        from transformers import PrinterCallback, Trainer, TrainerCallback

        clock: dict[int, float] = {}
        device = self.device

        class Clock(TrainerCallback):
            def on_step_end(self, _arguments: Any, state: Any, _control: Any, **_: Any) -> None:
                if state.global_step in (WARM_UP, WARM_UP + steps):
                    clock[state.global_step] = now(device)

        with tempfile.TemporaryDirectory() as folder, quiet_transformers():
            trainer = Trainer(
                model=self.model,
                args=training_arguments(folder, self.way, self.batch, device, max_steps=WARM_UP + steps),
                train_dataset=self.data,
                processing_class=self.tokenizer,
                data_collator=self.collator,
                callbacks=[Clock()],
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        return (clock[WARM_UP + steps] - clock[WARM_UP]) / steps


def _with_adapters(model: Any, padding: int) -> Any:
    """The adapters of `steps.LORA`, as peft's users add them."""
    from peft import LoraConfig, get_peft_model

    model.config.pad_token_id = padding
    return get_peft_model(
        model, LoraConfig(task_type="SEQ_CLS", r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear")
    )


def training_arguments(folder: str, way: str, batch: int, device: str, **options: Any) -> Any:
    """As a user writes them: AdamW, bf16 on a GPU, nothing saved or reported."""
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        bf16=device == "cuda",
        use_cpu=device == "cpu",
        train_sampling_strategy="group_by_length" if way == "grouped" else "random",
        **options,
    )


def left(ends: float) -> float:
    """Seconds until a time of the monotonic clock."""
    return ends - time.monotonic()


def now(device: str) -> float:
    """Seconds of a clock, once the GPU has done what it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()
