"""Learning curves to replay instead of trainings: the LCBench surrogate, tables of real trials, and the noise of small validation splits.

Curves are in units: `Task` maps a task's quality so that the median of 2,000 random configurations is 0 and the best 1 % of them
reach 0.10. One unit is therefore macro-F1 on a corpus where the best configurations are 0.10 above the median one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from psy_agents.hpo.space.search_space import SearchSpace
from psy_agents.hpo.space.unit_cube import UnitCube
from psy_agents.training.learning_curve import smoothed

EPOCHS = 15
REFERENCE = 2000  # Random configurations that give a task its unit.
LCBENCH_EPOCHS = np.round(np.arange(1, EPOCHS + 1) * 52 / EPOCHS)  # Fifteen at equal distances of LCBench's 52.
LCBENCH_SPACE = {
    "batch_size": {"type": "int", "low": 16, "high": 512, "log": True},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    "momentum": {"type": "float", "low": 0.1, "high": 0.99},
    "weight_decay": {"type": "float", "low": 1e-5, "high": 0.1},
    "num_layers": {"type": "int", "low": 1, "high": 5},
    "max_units": {"type": "int", "low": 64, "high": 1024, "log": True},
    "max_dropout": {"type": "float", "low": 0.0, "high": 1.0},
}
LCBENCH_DEFAULTS = {
    "batch_size": 91, "learning_rate": 3e-3, "momentum": 0.545, "weight_decay": 0.05, "num_layers": 3, "max_units": 256, "max_dropout": 0.5,
}  # fmt: skip
MIXED_SPACE = {
    "learning_rate": LCBENCH_SPACE["learning_rate"],
    "head_lr_factor": {"type": "float", "low": 1.0, "high": 10.0, "log": True},
    "weight_decay": LCBENCH_SPACE["weight_decay"],
    "lr_scheduler_type": {"type": "categorical", "choices": ["linear", "cosine", "constant"]},
    "warmup_ratio": {"type": "float", "low": 0.0, "high": 0.2},
    "batch_size": {"type": "categorical", "choices": [16, 64, 256]},
    "momentum": LCBENCH_SPACE["momentum"],
    "num_layers": LCBENCH_SPACE["num_layers"],
    "max_units": {"type": "categorical", "choices": [64, 128, 512, 1024]},
    "dropout": {"type": "categorical", "choices": ["none", "fixed", "drawn"]},
    "max_dropout": LCBENCH_SPACE["max_dropout"] | {"when": {"dropout": ["drawn"]}},
    "loss": {"type": "categorical", "choices": ["cross_entropy", "label_smoothing", "focal"]},
    "focal_gamma": {"type": "float", "low": 0.5, "high": 4.0, "when": {"loss": ["focal"]}},
}
"""LCBench's space in the form of ours: five choices, two conditions, and six parameters that change nothing."""
MIXED_DEFAULTS = {**LCBENCH_DEFAULTS, "batch_size": 64, "max_units": 128, "dropout": "none", "head_lr_factor": 2.0, "warmup_ratio": 0.1,
                  "lr_scheduler_type": "linear", "loss": "cross_entropy", "focal_gamma": 2.0}  # fmt: skip
VALIDATION, TEST = 3, 5  # Columns of the surrogate: balanced accuracy.
FEATURES = 64  # Random Fourier features of a split's bias.
LENGTH = 0.2  # Of the bias's kernel, as a share of the unit cube's diagonal.


def generator(*key: Any) -> np.random.Generator:
    """Random numbers of a key, the same in every process."""
    return np.random.default_rng(list(hashlib.sha256(json.dumps(key, sort_keys=True).encode()).digest()))


class Curves(Protocol):
    """Noise-free learning curves by hyper-parameters."""

    name: str
    space: SearchSpace
    noise: Noise | None
    """Where it was measured, in the source's own scale."""

    def curves(self, rows: list[Mapping[str, Any]]) -> np.ndarray:
        """(configurations, epochs, 2) Quality on validation and on test, in the source's own scale."""


@cache
def _session(model: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # It would keep as much as the largest call took.
    return onnxruntime.InferenceSession(str(model), options)


class LcBench:
    """A task of the LCBench surrogate.

    Args:
        folder: with ``model.onnx`` and ``encoding.json`` (YAHPO-Gym, Pfisterer et al. 2022; data: Zimmer et al. 2021).
        task: a key of ``encoding.json``.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self._session = _session(folder / "model.onnx")
        self._code = json.loads((folder / "encoding.json").read_text())["OpenML_task_id"][task]
        self.name, self.noise = task, None
        self.space = SearchSpace.from_config(LCBENCH_SPACE, LCBENCH_DEFAULTS)

    def curves(self, rows: list[Mapping[str, Any]]) -> np.ndarray:
        points = np.array([[row[name] for name in LCBENCH_SPACE] for row in rows])
        epochs = np.tile(LCBENCH_EPOCHS, len(rows))[:, None]
        inputs = np.concatenate([epochs, np.repeat(points, EPOCHS, axis=0)], axis=1).astype(np.float32)
        codes = np.full((len(inputs), 1), self._code, np.int32)
        (found,) = self._session.run(None, {"x_cat": codes, "x_cont": inputs})
        return found.reshape(len(rows), EPOCHS, -1)[:, :, [VALIDATION, TEST]].astype(float)


class MixedLcBench(LcBench):
    """The same task over `MIXED_SPACE`; without a drawn dropout it is 0 or 0.3."""

    def __init__(self, folder: Path, task: str) -> None:
        super().__init__(folder, task)
        self.name = f"mixed-{task}"
        self.space = SearchSpace.from_config(MIXED_SPACE, MIXED_DEFAULTS)

    def curves(self, rows: list[Mapping[str, Any]]) -> np.ndarray:
        dropouts = [{"none": 0.0, "fixed": 0.3}.get(row["dropout"], row.get("max_dropout")) for row in rows]
        return super().curves([{**row, "max_dropout": dropout} for row, dropout in zip(rows, dropouts, strict=True)])


@dataclass(frozen=True)
class Noise:
    """Sizes of the noise of an observed value, as standard deviations in units.

    Attributes:
        split: a bias of the validation split that depends smoothly on the configuration; all trainings on a split share it.
        seed: of one training, the same in all its epochs.
        epoch: of one epoch.
    """

    split: float
    seed: float
    epoch: float


class TableCurves:
    """Curves between the trainings of a table that `trial_table.py` made: a random forest on hyper-parameters and epoch.

    Trees see all trainings, so that the forest averages over their splits and seeds.

    Attributes:
        r2: of forests that did not see the point, on validation and on test (5 folds of points).
        noise: standard deviations in the table's scale, from points that were trained again (see `measured_noise`); None without them.
    """

    def __init__(self, path: Path) -> None:
        from sklearn.model_selection import GroupKFold, cross_val_predict

        head, *runs = map(json.loads, path.read_text().splitlines())
        if head["epochs"] != EPOCHS:
            raise SystemExit(f"{path}: its curves have {head['epochs']} epochs, but a replay needs {EPOCHS}.")
        self.name = path.stem
        self.space = SearchSpace.from_config(head["space"], head["defaults"])
        self._cube = UnitCube(self.space)
        runs = [run for run in runs if run["failed"] is None]
        inputs = self._inputs([run["params"] for run in runs])
        targets = np.array([[run["validation"], run["test"]] for run in runs]).transpose(0, 2, 1).reshape(-1, 2)
        points = np.repeat([run["point"] for run in runs], EPOCHS)
        unseen = cross_val_predict(_forest(), inputs, targets, groups=points, cv=GroupKFold(5))
        self.r2 = tuple(1 - ((unseen - targets) ** 2).mean(0) / targets.var(0))
        self._forest = _forest().fit(inputs, targets)
        self.noise = measured_noise(runs)

    def curves(self, rows: list[Mapping[str, Any]]) -> np.ndarray:
        return self._forest.predict(self._inputs(rows)).reshape(len(rows), EPOCHS, 2)

    def _inputs(self, rows: list[Mapping[str, Any]]) -> np.ndarray:
        """(configurations x epochs, dimensions + 1) Each configuration in the unit cube with each epoch."""
        points = np.array([self._cube.point(row) for row in rows])
        epochs = np.tile(np.arange(1, EPOCHS + 1) / EPOCHS, len(rows))[:, None]
        return np.concatenate([np.repeat(points, EPOCHS, axis=0), epochs], axis=1)


def _forest() -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(100, min_samples_leaf=3, random_state=0)


def measured_noise(runs: Sequence[Mapping[str, Any]]) -> Noise | None:
    """The noise of a table's values on validation, from the points that were trained three times.

    Epoch: the deviation of epochs from their smoothed curve, whose variance is two thirds of an epoch's; in the second half, where
    curves are nearly straight. Seed and split: half the mean
    square of the difference of two trainings' means over the last third of the epochs, for two seeds on one split, and for two splits
    with one seed, less what the difference of the splits has in common over all points.
    """
    by_point: dict[int, dict[int, list[Mapping[str, Any]]]] = {}
    for run in runs:
        by_point.setdefault(run["point"], {}).setdefault(run["split"], []).append(run)
    triples = [[pair for pair in splits.values() if len(pair) == 2] + [one for one in splits.values() if len(one) == 1]
               for splits in by_point.values() if sorted(map(len, splits.values())) == [1, 2]]  # fmt: skip
    if len(triples) < 3:
        return None
    level = {id(run): float(np.mean(run["validation"][-max(1, len(run["validation"]) // 3) :])) for run in runs}
    by_split = {split: np.mean([level[id(run)] for run in runs if run["split"] == split]) for split in {run["split"] for run in runs}}
    seeds = [level[id(first)] - level[id(second)] for (first, second), _ in triples]
    splits = [
        (level[id(second)] - by_split[second["split"]]) - (level[id(other)] - by_split[other["split"]]) for (_, second), (other,) in triples
    ]
    deviations = np.concatenate([(np.array(run["validation"]) - smoothed(run["validation"]))[EPOCHS // 2 : -1] for run in runs])
    seed, both = (float(np.mean(np.square(each))) / 2 for each in (seeds, splits))
    # The second seed is trained on both splits, but on other posts: its draws are not the same.
    return Noise(split=max(0.0, both - seed) ** 0.5, seed=seed**0.5, epoch=float(np.mean(deviations**2) * 1.5) ** 0.5)


class Task:
    """A task's curves in units, and what a search observes of them.

    Attributes:
        scale: units for each unit of the source.
    """

    def __init__(self, source: Curves) -> None:
        self.name, self.space, self.source = source.name, source.space, source
        self._cube = UnitCube(self.space)
        self.forget()
        reference = source.curves(random_rows(self.space, REFERENCE, "reference", source.name))
        best = reference[:, :, 0].argmax(1)
        quality = reference[np.arange(REFERENCE), best, 1]
        self._zero, top = np.median(quality), np.quantile(quality, 0.99)
        self.scale = 0.10 / (top - self._zero)

    def forget(self) -> None:
        """Drop what is kept for the runs of one draw."""
        self._known: dict[str, np.ndarray] = {}
        self._biases: dict[tuple[Any, ...], _SmoothBias] = {}

    def curves(self, params: Mapping[str, Any]) -> np.ndarray:
        """(epochs, 2) Noise-free quality on validation and on test, in units."""
        key = json.dumps(params, sort_keys=True)
        if key not in self._known:
            self._known[key] = (self.source.curves([params])[0] - self._zero) * self.scale
        return self._known[key]

    def truth(self, params: Mapping[str, Any], epoch: int) -> float:
        """Noise-free quality on test after an epoch (from 1), in units."""
        return float(self.curves(params)[epoch - 1, 1])

    def observed(self, params: Mapping[str, Any], noise: Noise, split: tuple[Any, ...], training: tuple[Any, ...]) -> np.ndarray:
        """(epochs) What a training reports on validation.

        Args:
            split: identifies the validation split; its bias depends on nothing else and the configuration.
            training: identifies the training: its seed, and the number of epochs of its schedule.
        """
        draws = generator(self.name, "training", *split, *training, params).standard_normal(1 + EPOCHS)
        bias = self._bias(split).at(self._cube.point(params))
        return self.curves(params)[:, 0] + noise.split * bias + noise.seed * draws[0] + noise.epoch * draws[1:]

    def _bias(self, split: tuple[Any, ...]) -> _SmoothBias:
        if split not in self._biases:
            self._biases[split] = _SmoothBias(len(self._cube.owner), generator(self.name, "split", *split))
        return self._biases[split]


class _SmoothBias:
    """A draw of a Gaussian process of variance 1 with a Gaussian kernel, by random Fourier features (Rahimi and Recht 2007)."""

    def __init__(self, dimensions: int, random: np.random.Generator) -> None:
        self._directions = random.standard_normal((FEATURES, dimensions)) / (LENGTH * np.sqrt(dimensions))
        self._phases = random.uniform(0, 2 * np.pi, FEATURES)
        self._weights = random.standard_normal(FEATURES) * np.sqrt(2 / FEATURES)

    def at(self, point: np.ndarray) -> float:
        return float(self._weights @ np.cos(self._directions @ point + self._phases))


def random_rows(space: SearchSpace, count: int, *key: Any) -> list[dict[str, Any]]:
    """Random configurations of a space."""
    import optuna

    random = generator(*key)
    sampler = optuna.samplers.RandomSampler(seed=int(random.integers(2**31)))
    study = optuna.create_study(sampler=sampler)
    return [space.suggest(study.ask()) for _ in range(count)]
