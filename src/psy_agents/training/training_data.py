"""The data of training runs: the pairs of two splits, and what a worker keeps of them from trial to trial."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from pathlib import Path

import numpy as np
import torch

from psy_agents.agents.encoders.tokenizer import load_tokenizer
from psy_agents.agents.registry import SENTENCE_AGENTS
from psy_agents.agents.windows import Windows
from psy_agents.corpus.corpus import Corpus
from psy_agents.errors import UserError
from psy_agents.training.config import HyperParameters, TrainingSettings
from psy_agents.training.data import PairData, annotated_sentences, split_pairs, tokenise, tokenise_sentences
from psy_agents.training.frozen_states import FrozenStatesCache
from psy_agents.training.step.tables import TrainingTables, WindowTables

SPAN_LENGTH_QUANTILES = (0.75, 0.95, 1.0)


class WorkerCache:
    """What a worker keeps from trial to trial: tokenizers, windows, and token states after frozen layers.

    Windows and states are kept by the identity of their split, a digest of its posts: a worker that trains on one resplit after
    another never takes those of another one for its own.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.tokenizers: dict[Path, object] = {}
        self.tables: dict[Hashable, tuple[TrainingTables, WindowTables | None, list[int]]] = {}
        self.frozen_states = FrozenStatesCache(settings.frozen_states_gib)

    def drop_windows(self) -> None:
        """Forget all windows: a worker holds those of one pair of splits at a time."""
        self.tables.clear()


class TrainingData:
    """The pairs of a corpus's splits, shared by all trials of a worker that train on them.

    Windows are kept as tables, by encoder, max_length, window_overlap and device.

    Args:
        train: splits to train on.
        scored: split on which each epoch is scored; None: epochs are not scored.
        cache: of this worker; None: a new one.

    Attributes:
        train_id, validation_id: identity of the training pairs and of the scored ones.
        corpus, n_posts: name of the corpus, and number of the posts to train on.

    Raises:
        UserError: a split has no positive pair, or the agent cannot read sentence by sentence.
    """

    def __init__(
        self,
        corpus: Corpus,
        agent: str,
        settings: TrainingSettings,
        *,
        train: Sequence[str] = ("train",),
        scored: str | None = "validation",
        cache: WorkerCache | None = None,
    ) -> None:
        self.by_sentence = settings.unit == "sentence"
        if self.by_sentence and agent not in SENTENCE_AGENTS:
            raise UserError(f"unit: sentence is for {', '.join(SENTENCE_AGENTS)} only, not for {agent}: use unit: post.")
        self.train = annotated_sentences(corpus, *train) if self.by_sentence else split_pairs(corpus, *train)
        self.validation = None if scored is None else split_pairs(corpus, scored)
        for name, data in ((" + ".join(train), self.train), (scored, self.validation)):
            if data is not None and not data.labels.any():
                raise UserError(f"The {name} split has no positive pair, so nothing can be learned or scored: "
                                "use more posts or other split ratios.")  # fmt: skip
        self.corpus, self.n_posts = corpus.name, int(corpus.posts["post_id"].isin(corpus.members(*train)).sum())
        self.train_id = split_id(corpus, train, "annotated sentences" if self.by_sentence else "posts")
        self.validation_id = None if scored is None else split_id(corpus, (scored,), "sentences" if self.by_sentence else "posts")
        self.cache = WorkerCache(settings) if cache is None else cache

    @property
    def frozen_states(self) -> FrozenStatesCache:
        """Token states after frozen layers."""
        return self.cache.frozen_states

    def tokenizer(self, folder: Path):
        """Return the tokenizer of an encoder folder, loaded once."""
        if folder not in self.cache.tokenizers:
            self.cache.tokenizers[folder] = load_tokenizer(folder)
        return self.cache.tokenizers[folder]

    def tables(
        self, folder: Path, config: HyperParameters, positions: int, device: torch.device
    ) -> tuple[TrainingTables, WindowTables | None, list[int]]:
        """Return tables of the training pairs, of the scored windows or None, and quantiles of the training spans' lengths in tokens."""
        key = (self.train_id, self.validation_id, folder, config.max_length, config.window_overlap, str(device))
        if key not in self.cache.tables:
            options = {"max_length": config.max_length, "overlap": config.window_overlap, "positions": positions}
            tokenizer = self.tokenizer(folder)
            windows = tokenise(tokenizer, self.train, **options)
            train, scored = TrainingTables(windows, self.train, tokenizer.pad_token_id, device), None
            if self.validation is not None:
                cut = tokenise_sentences if self.by_sentence else tokenise
                scored = WindowTables(cut(tokenizer, self.validation, **options), tokenizer.pad_token_id, device)
            self.cache.tables[key] = (train, scored, span_lengths(windows, self.train))
        return self.cache.tables[key]


def split_id(corpus: Corpus, splits: Sequence[str], unit: str) -> str:
    """SHA-256, in hex, of the ids of a split's posts in the corpus's order, and of the unit in which they are read."""
    members = corpus.posts.loc[corpus.posts["post_id"].isin(corpus.members(*splits)), "post_id"]
    digest = hashlib.sha256(unit.encode())
    for post_id in members:
        encoded = str(post_id).encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def span_lengths(windows: Windows, data: PairData) -> list[int]:
    """Return quantiles of the gold spans' lengths in tokens; [1] if there are no spans."""
    lengths = []
    first = windows.pair_bounds()
    for pair in np.flatnonzero([len(spans) > 0 for spans in data.spans]):
        inside = slice(windows.first[first[pair]], windows.first[first[pair + 1]])
        starts, ends = windows.starts[inside], windows.ends[inside]
        window = np.repeat(np.arange(first[pair + 1] - first[pair]), windows.lengths[first[pair] : first[pair + 1]])
        for start, end in data.spans[pair]:
            covered = (starts >= 0) & (ends > start) & (starts < end)
            # Tokens in the overlap of two windows count once, by their offset in the text. Tokens of white space share theirs.
            lengths.append(max(len(np.unique(starts[covered])), np.bincount(window[covered], minlength=1).max()))
    return [max(1, int(np.quantile(lengths, q))) for q in SPAN_LENGTH_QUANTILES] if lengths else [1]
