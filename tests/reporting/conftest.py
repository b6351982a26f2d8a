"""A report as a finished search gives it: four agents, six baselines, nine criteria; some figures are absent."""

import numpy as np
import pytest
from support.browser import Browser

from psy_agents.evaluation.alarms import alarms
from psy_agents.evaluation.results import Comparison, Report

CRITERIA = {
    "DEPRESSED_MOOD": 58, "ANHEDONIA": 21, "APPETITE_CHANGE": 7, "SLEEP_ISSUES": 17, "PSYCHOMOTOR": 5, "FATIGUE": 22,
    "WORTHLESSNESS": 53, "COGNITIVE_ISSUES": 10, "SUICIDAL_THOUGHTS": 29,
}  # fmt: skip
POSTS, RESAMPLES = 223, 2000
# Each system's level of macro-F1 and token-F1; None: it does not predict that side.
AGENTS = {"criteria": (0.61, None), "evidence": (0.52, 0.44), "share": (0.63, 0.47), "joint": (0.31, 0.49)}
BASELINES = {
    "all_positive": (0.19, None), "majority": (0.0, None), "tfidf_logistic": (0.37, None), "whole_post": (None, 0.09),
    "first_sentence": (None, 0.05), "tfidf_logistic_sentence": (None, 0.21),
}  # fmt: skip
EVIDENCE = ["token_precision", "token_recall", "token_f1", "sentence_precision", "sentence_recall", "sentence_f1",
            "character_iou", "exact_match", "has_answer_f1", "no_answer_accuracy"]  # fmt: skip


class RandomScores:
    """Random values and estimates around a level."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)

    def value(self, level, spread=0.06):
        return float(np.clip(level + self.generator.normal(0, spread), 0, 1)) if level else 0.0

    def estimate(self, level, width=0.05):
        value = self.value(level)
        low, high = value - width * self.generator.uniform(0.7, 1.3), value + width * self.generator.uniform(0.7, 1.3)
        return {"value": value, "low": max(low, 0.0), "high": min(high, 1.0)}


def classes(random, level, support, probabilities):
    width = 0.5 / max(support, 1) ** 0.5
    return {
        "support": support,
        "predicted": int(support * 1.2),
        **{name: random.estimate(level, width) for name in ("precision", "recall", "f1")},
        "auprc": random.estimate(level, width) if probabilities else None,
    }


def criterion_side(random, level, derived, probabilities):
    edges = np.linspace(0, 1, 11)
    pairs = [1500, 180, 70, 40, 30, 24, 20, 19, 31, 93]
    return {
        "derived": derived,
        "per_criterion": {name: classes(random, level, support, probabilities) for name, support in CRITERIA.items()},
        "macro": classes(random, level, sum(CRITERIA.values()), probabilities),
        "micro": classes(random, level, sum(CRITERIA.values()), probabilities),
        "no_symptoms": classes(random, level, 59, False),
        "averages": {
            name: {metric: random.value(level) for metric in ("precision", "recall", "f1")}
            for name in ("micro", "macro", "weighted", "samples")
        },
        "exact_match": random.estimate(level * 0.8),
        "ece": random.estimate(0.06, 0.01) if probabilities else None,
        "brier": random.estimate(0.08, 0.01) if probabilities else None,
        "reliability_uncalibrated": [
            {"low": 0.4, "high": 0.5, "pairs": 2007, "mean_probability": 0.45, "share_positive": 0.11}
        ]
        if probabilities and not derived and level > 0.5
        else [],
        "reliability": [
            {"low": low, "high": high, "pairs": n, "mean_probability": (low + high) / 2, "share_positive": random.value(low + 0.02, 0.04)}
            for low, high, n in zip(edges, edges[1:], pairs, strict=False)
        ]
        if probabilities
        else [],
    }


def evidence_side(random, level):
    return {
        "pairs": 1995,
        "pairs_with_evidence": 210,
        "pairs_unknown": 12,
        "scores": {name: random.estimate(0.93 if name == "no_answer_accuracy" else level, 0.04) for name in EVIDENCE},
        "support": {name: max(1, support - 1) for name, support in CRITERIA.items()},
        "per_criterion": {name: {"token_f1": random.value(level), "sentence_f1": random.value(level)} for name in CRITERIA},
    }


def errors(random, evidence):
    def part(group, name, pairs, positives):
        wrong = [int(random.value(0.07) * (pairs - positives)), int(random.value(0.3) * positives)]
        return {
            "group": group, "name": name, "pairs": pairs, "positives": positives, "false_positives": wrong[0],
            "false_negatives": wrong[1], "token_f1": random.value(0.45) if evidence and positives else None,
        }  # fmt: skip

    return [
        *(part("criterion", name, POSTS, support) for name, support in CRITERIA.items()),
        part("length", "at most 128 tokens", 720, 60),
        part("length", "129 to 256 tokens", 700, 80),
        part("length", "more than 256 tokens", 587, 82),
        part("origin", "positive", 222, 222),
        part("origin", "explicit_negative", 61, 0),
        part("origin", "implicit_negative", 1724, 0),
    ]


def evaluation(name, kind, levels, seed):
    random, (criteria, evidence) = RandomScores(seed), levels
    agent = kind == "agent"
    return {
        "name": name,
        "kind": kind,
        "posts": POSTS,
        "pairs": POSTS * len(CRITERIA),
        "criterion": None if criteria is None else criterion_side(random, criteria, name == "evidence", name != "evidence"),
        "evidence": None if evidence is None else evidence_side(random, evidence),
        "errors": errors(random, evidence is not None) if agent else [],
    }


def comparisons(random, metric, side):
    derived = {"evidence"} if side == 0 else set()
    having = [name for name, levels in (AGENTS | BASELINES).items() if levels[side] is not None and name not in derived]
    pairs = [(a, b) for place, a in enumerate(having) for b in having[place + 1 :] if a in AGENTS]
    for a, b in pairs:
        value = (AGENTS | BASELINES)[a][side] - (AGENTS | BASELINES)[b][side] + random.generator.normal(0, 0.01)
        p = 10 ** -random.generator.uniform(2, 5) if abs(value) > 0.15 else random.generator.uniform(0.1, 1)
        holm = min(1, p * len(pairs) / 10)
        yield {
            "metric": metric, "first": a, "second": b, "difference": {"value": value, "low": value - 0.05, "high": value + 0.06},
            "with_baseline": b in BASELINES, "p_value": p, "p_holm": holm, "better": value > 0 and holm <= 0.05,
            "worse": value < 0 and holm <= 0.05, "detectable": 0.07, "permutations": 5000,
        }  # fmt: skip


def gain(random, agent, choice, metric, criterion=None):
    without, chosen = random.estimate(0.5), random.estimate(0.5)
    value = chosen["value"] - without["value"]
    difference = {"value": value, "low": value - 0.02, "high": value + 0.03}
    return {"agent": agent, "choice": choice, "metric": metric, "criterion": criterion, "without": without, "chosen": chosen,
            "difference": difference}  # fmt: skip


def gains(random):
    for agent in ("criteria", "share", "joint"):
        yield from (gain(random, agent, "calibration", metric) for metric in ("ece", "brier"))
        yield gain(random, agent, "thresholds", "macro_f1")
        yield gain(random, agent, "thresholds", "f1", "DEPRESSED_MOOD")


def decisions(agent):
    own = {name: support >= 50 for name, support in CRITERIA.items()}
    chosen = {
        name: {"threshold": 0.55 if own[name] else 0.4, "own": own[name], "validation_positives": support}
        for name, support in CRITERIA.items()
    }
    return {"agent": agent, "temperature": 1.7, "shift": -0.3, "threshold": 0.4, "criteria": chosen}


def ensemble(agent, kind, *metrics):
    cost = {"members": 5, "train_seconds": 650.0, "test_seconds": 10.2, "parameters": 113_000_000, "disk_bytes": 455_000_000}
    single = {"members": 1, "train_seconds": 130.0, "test_seconds": 2.04, "parameters": 22_600_000, "disk_bytes": 91_000_000}
    gain = [
        {"metric": metric, "first": "ensemble", "second": "single", "difference": {"value": 0.021, "low": -0.004, "high": 0.05},
         "p_value": 0.08, "p_holm": 0.08, "permutations": 10000}
        for metric in metrics
    ]  # fmt: skip
    return {"agent": agent, "kind": kind, "gain": gain, "cost": cost, "single_cost": single}


def stage(agent, name, trials, failed):
    return {
        "agent": agent, "stage": name, "study": f"{agent}-{name}-1f9c40d2a7b3", "trials": trials,
        "states": {"complete": trials - 3 - failed, "pruned": 3, "failed": failed}, "best": 0.55 + trials / 1000,
        "training_hours": trials / 7, "epochs": trials * 8, "failures": {"out_of_memory": failed} if failed else {},
    }  # fmt: skip


def build_report():
    random = RandomScores(0)
    evaluations = [
        evaluation(name, kind, levels, seed)
        for kind, systems in (("baseline", BASELINES), ("agent", AGENTS))
        for seed, (name, levels) in enumerate(systems.items(), start=10 if kind == "agent" else 50)
    ]
    compared = [*comparisons(random, "macro_f1", 0), *comparisons(random, "token_f1", 1)]
    return Report.model_validate(
        {
            "provenance": {
                "corpus": "redsm5", "environment": "redsm5", "git_commit": "0123456789abcdef+changes", "made_at": "2026-11-29T12:34:00Z",
            },
            "data_hash": "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce",
            "posts": POSTS,
            "units": POSTS - 3,
            "pairs": POSTS * len(CRITERIA),
            "resamples": RESAMPLES,
            "evaluations": evaluations,
            "comparisons": compared,
            "alarms": alarms([Comparison.model_validate(each) for each in compared]),
            "decisions": [decisions(agent) for agent in ("criteria", "share", "joint")],
            "gains": [*gains(random)],
            "ensembles": [ensemble("share", "seeds", "macro_f1", "token_f1"), ensemble("criteria", "top_k", "macro_f1")],
            "seeds": [
                {"agent": name, "resplit": True, "values": (values := [random.value(0.6, 0.02) for _ in range(5)]),
                 "seeds": [11, 23, 47, 83, 131], "mean": float(np.mean(values)), "standard_deviation": float(np.std(values, ddof=1))}
                for name in AGENTS
            ],
            "selections": [
                {"agent": name, "trials": 47, "candidates": 5, "searched": 0.64, "winner_searched": 0.63, "confirmed": 0.62,
                 "other_seeds": None if name == "joint" else 0.59, "test": 0.57}
                for name in AGENTS
            ],
            "final_models": [
                {"agent": "share", "metric": metric, "values": [0.5, 0.61, 0.55], "seeds": [11, 23, 47], "standard_deviation": 0.055,
                 "mean": {"value": 0.5533, "low": 0.41, "high": 0.66}}
                for metric in ("macro_f1", "token_f1")
            ],
            "stages": [
                stage(name, label, trials, failed)
                for name in AGENTS
                for label, trials, failed in (("hpo_stage0", 8, 0), ("hpo_stage1", 20, 2), ("hpo_stage2", 50, 0))
            ],
            "backbones": [
                {"agent": "share", "encoder": name, "trials": 25, "complete": 23, "best": best, "median": best - 0.05,
                 "parameters": weights, "trained_parameters": weights // 3, "ms_per_post": time}
                for name, best, weights, time in (("bert-base", 0.64, 110_000_000, 41.25), ("minilm", 0.6, 22_700_000, None))
            ],
            "missing": [],
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def report():
    return build_report()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """For tests that need one; opening a page again forgets the last one."""
    with Browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser
