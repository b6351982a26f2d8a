"""How often the intervals of a report hold the truth, how often its tests err, and what they find.

Simulated test sets: posts with nine criteria of ReDSM5's prevalences (2 to 26 %), or with ``--prevalence rare`` sixteen of 4 to 17 %. Pairs
depend on each other within a post and, with ``--author`` posts each, within an author. Systems see a noisy signal of the labels. Their
spans hit, miss and overlap the gold spans. The truth is the metric on 20,000 posts; of a macro mean it is the mean over the criteria with
a positive in the test set.

    python benchmarks/coverage.py rare                      # seconds: F1 of a criterion, candidates computed exactly
    python benchmarks/coverage.py macro --sets 400          # macro-F1, candidates on the same sets
    python benchmarks/coverage.py intervals --sets 200      # every metric of the report, by posts
    python benchmarks/coverage.py tests --sets 200          # type-I error, family-wise error, power

Each line of ``intervals`` is a metric: coverage of its 95 % interval, its median width, and the share of sets with the value outside.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.stats import beta, binom, norm, t

from psy_agents.evaluation.evaluate import evaluate
from psy_agents.evaluation.intervals import exact_f1_interval, f1_interval, mean_interval
from psy_agents.evaluation.predictions import predictions_table
from psy_agents.evaluation.results import Evaluation
from psy_agents.evaluation.significance import ALPHA, compare
from psy_agents.evaluation.spans import Span

PREVALENCES = {
    "redsm5": np.array([0.26, 0.24, 0.13, 0.10, 0.10, 0.08, 0.045, 0.035, 0.023]),
    "rare": np.linspace(0.04, 0.17, 16),
}
PREVALENCE = PREVALENCES["redsm5"]
CRITERIA = [f"c{number}" for number in range(len(PREVALENCE))]
WORDS, SPAN = 40, 6
TEXT = " ".join(["word"] * WORDS)
TRUTH_POSTS = 20_000
THRESHOLD = 0.35


def simulate(rng: np.random.Generator, posts: int, skills: dict[str, float], author: int) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """The predictions table of each system on the same posts, and the author of each post."""
    authors = np.arange(posts) // author
    of_author = (authors[-1] + 1, len(CRITERIA))
    shared = rng.normal(0, 0.7, (posts, 1)) if author == 1 else rng.normal(0, 1.2, of_author)[authors]
    labels = rng.random((posts, len(CRITERIA))) < PREVALENCE * np.exp(shared - shared.var() / 2)
    hard = rng.normal(0, 0.8, (posts, len(CRITERIA))) if author == 1 else rng.normal(0, 1.2, of_author)[authors]
    start = rng.integers(0, WORDS - SPAN, labels.shape)
    ids = [f"p{number}" for number in range(posts)]
    gold = pd.DataFrame(
        {
            "post_id": np.repeat(ids, len(CRITERIA)),
            "criterion": CRITERIA * posts,
            "label": labels.ravel().astype(int),
            "origin": np.where(labels.ravel(), "positive", "implicit_negative"),
            "evidence_known": True,
            "gold_spans": [[gold_span(first)] if met else [] for first, met in zip(start.ravel(), labels.ravel(), strict=True)],
        }
    )
    tables = {}
    for name, skill in skills.items():
        noise = 0.8 * hard + 0.6 * rng.normal(0, 1, labels.shape)
        logits = np.log(PREVALENCE / (1 - PREVALENCE)) + 1.6 * skill * (labels - 0.5) + noise
        probabilities = 1 / (1 + np.exp(-logits))
        met = probabilities >= THRESHOLD
        near = np.clip(start + rng.integers(-2, 3, labels.shape), 0, WORDS - SPAN)
        found = np.where(labels & (rng.random(labels.shape) < 0.7), near, rng.integers(0, WORDS - SPAN, labels.shape))
        spans = [[span(first)] if yes else [] for first, yes in zip(found.ravel(), met.ravel(), strict=True)]
        tables[name] = predictions_table(gold, probabilities=probabilities.ravel(), predicted=met.ravel(), spans=spans)
    return tables, dict(zip(ids, map(str, authors), strict=True))


def span(first: int) -> Span:
    """The span of six words from one on; a word has four letters and a space."""
    return Span(int(first) * 5, int(first + SPAN) * 5 - 1)


def gold_span(first: int) -> dict[str, int]:
    """The same as a cell of a table."""
    return {"start": span(first).start, "end": span(first).end}


def texts_of(posts: int) -> dict[str, str]:
    """All posts have one text."""
    return {f"p{number}": TEXT for number in range(posts)}


def figures(evaluation: Evaluation) -> Iterator[tuple[str, str | None, object]]:
    """Name, criterion (None for one figure a system) and estimate of every figure of a report."""
    side = evaluation.criterion
    for name in ("precision", "recall", "f1", "auprc"):
        for criterion, scores in side.per_criterion.items():
            yield f"{name} of a criterion", criterion, scores.estimate(name)
        for mean in ("macro", "micro"):
            yield f"{mean} {name}", None, getattr(side, mean).estimate(name)
    for name in ("exact_match", "ece", "brier"):
        yield name, None, side.estimate(name)
    for name in ("token_f1", "token_recall", "character_iou", "has_answer_f1", "no_answer_accuracy"):
        yield name, None, evaluation.evidence.scores[name]


def intervals(args: argparse.Namespace) -> None:
    """Coverage of every metric's interval, by number of posts."""
    rng = np.random.default_rng(args.seed)
    skills = {"system": args.skill}
    large, _ = simulate(rng, TRUTH_POSTS, skills, args.author)
    whole = evaluate("system", "agent", large["system"], texts_of(TRUTH_POSTS), CRITERIA, resamples=0)
    truth = {(name, criterion): estimate.value for name, criterion, estimate in figures(whole)}
    for posts in args.posts:
        found = defaultdict(list)
        for _ in range(args.sets):
            tables, authors = simulate(rng, posts, skills, args.author)
            units = authors if args.author > 1 and not args.ignore_authors else None
            one = evaluate("system", "agent", tables["system"], texts_of(posts), CRITERIA, units=units, resamples=args.resamples)
            present = [name for name, scores in one.criterion.per_criterion.items() if scores.support]
            for name, criterion, estimate in figures(one):
                if estimate is None:
                    continue
                true = truth[name, criterion]
                if name.startswith("macro"):
                    metric = f"{name.removeprefix('macro ')} of a criterion"
                    true = np.mean([truth[metric, each] for each in present])
                inside = estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12
                found[name].append((estimate.low <= true <= estimate.high, estimate.high - estimate.low, not inside))
        print(f"\n{posts} posts, skill {args.skill}, {described(args)}, {args.sets} sets")
        for name, rows in found.items():
            covered, width, outside = np.array(rows, dtype=float).T
            print(f"  {name:26} {100 * covered.mean():5.1f} %  width {np.median(width):.3f}  outside {100 * outside.mean():.1f} %")


def described(args: argparse.Namespace) -> str:
    """How many posts an author has."""
    return f"{args.author} posts an author{', ignored' if args.ignore_authors else ''}"


def goutte_gaussier(overlap: float, size: float) -> tuple[float, float]:
    """Goutte and Gaussier's posterior of F1 (ECIR 2005) with Jeffreys' prior, its ends open at 0 and 1."""
    hits, others = overlap * size, (1 - overlap) * size
    low, high = (beta.ppf(end, hits + 0.5, others + 1) for end in (0.025, 0.975))
    low, high = (0.0 if hits == 0 else low), (1.0 if others == 0 else high)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def mapped(interval: Callable[[float, float], tuple[float, float]]) -> Callable[[float, float], tuple[float, float]]:
    """An interval of the overlap, mapped to F1."""
    return lambda overlap, size: tuple(2 * end / (1 + end) for end in interval(overlap, size))


def jeffreys(overlap: float, size: float) -> tuple[float, float]:
    """Jeffreys' interval (Brown, Cai and DasGupta, "Interval Estimation for a Binomial Proportion", 2001)."""
    hits, others = overlap * size, (1 - overlap) * size
    return (beta.ppf(0.025, hits + 0.5, others + 0.5) if hits else 0.0, beta.ppf(0.975, hits + 0.5, others + 0.5) if others else 1.0)


def percentile(posts: int) -> Callable[[float, float], tuple[float, float]]:
    """The percentile bootstrap by post, as the report had it."""

    def interval(overlap: float, size: float) -> tuple[float, float]:
        hits = overlap * size
        drawn = np.random.default_rng(0).multinomial(posts, [hits / posts, (size - hits) / posts, 1 - size / posts], size=1000)
        union = drawn[:, 0] + drawn[:, 1]
        overlaps = drawn[union > 0, 0] / union[union > 0]
        return tuple(np.quantile(2 * overlaps / (1 + overlaps), (0.025, 0.975)))

    return interval


def rare(args: argparse.Namespace) -> None:
    """Coverage of candidates for the F1 of one criterion: 100 posts, 5 of them positive on average, each post one pair."""
    posts, share = 100, 0.05
    candidates = {
        "Wilson of the overlap": f1_interval,
        "Clopper-Pearson of the overlap": exact_f1_interval,
        "Jeffreys of the overlap": mapped(jeffreys),
        "Goutte-Gaussier": goutte_gaussier,
        "percentile bootstrap": percentile(posts),
    }
    scenarios = [(recall, precision) for recall in (0.2, 0.4, 0.6, 0.8, 0.95) for precision in (0.3, 0.5, 0.7, 0.9)]
    for name, interval in candidates.items():
        known: dict[tuple[int, int], tuple[float, float]] = {}
        coverage, widths = [], []
        for recall, precision in scenarios:
            found = share * recall
            wrong, missed = found * (1 - precision) / precision, share * (1 - recall)
            overlap = found / (found + wrong + missed)
            truth, covered, width, total = 2 * overlap / (1 + overlap), 0.0, 0.0, 0.0
            for union in range(1, posts + 1):
                for hits in range(union + 1):
                    chance = binom.pmf(union, posts, found + wrong + missed) * binom.pmf(hits, union, overlap)
                    chance *= 1 if hits else 1 - (wrong / (wrong + missed)) ** union  # Without a positive post there is no F1.
                    if chance > 1e-7:
                        if (hits, union) not in known:
                            known[hits, union] = interval(hits / union, union)
                        low, high = known[hits, union]
                        covered, width, total = covered + chance * (low <= truth <= high), width + chance * (high - low), total + chance
            coverage.append(100 * covered / total)
            widths.append(width / total)
        inside = sum(93 <= each <= 97 for each in coverage)
        print(
            f"{name:32} mean {np.mean(coverage):5.1f} %  {min(coverage):5.1f} to {max(coverage):5.1f} %  inside 93 to 97: {inside} of "
            f"{len(coverage)}  width {np.mean(widths):.3f}",
            flush=True,
        )


def macro(args: argparse.Namespace) -> None:
    """Coverage of candidates for macro-F1, each post a unit."""
    rng = np.random.default_rng(args.seed)
    large, _ = simulate(rng, TRUTH_POSTS, {"system": args.skill}, 1)
    truth = f1_of_sums(hits_union_gold(large["system"], TRUTH_POSTS).sum(axis=1))
    for posts in args.posts:
        found = defaultdict(list)
        for _ in range(args.sets):
            tables, _ = simulate(rng, posts, {"system": args.skill}, 1)
            counts = hits_union_gold(tables["system"], posts)
            present = counts[2].sum(axis=0) > 0
            true = truth[present].mean()
            for name, (low, high) in macro_candidates(rng, counts[:, :, present], args.resamples).items():
                found[name].append((low <= true <= high, high - low))
        print(f"\n{posts} posts, skill {args.skill}, {args.sets} sets")
        for name, rows in found.items():
            covered, width = np.array(rows, dtype=float).T
            print(f"  {name:36} {100 * covered.mean():5.1f} %  width {np.median(width):.3f}", flush=True)


def hits_union_gold(table: pd.DataFrame, posts: int) -> np.ndarray:
    """(3, posts, criteria) Hits, pairs that are positive or predicted, and positive pairs."""
    gold, predicted = (table[name].to_numpy(dtype=bool).reshape(posts, -1) for name in ("label", "predicted"))
    return np.stack([gold & predicted, gold | predicted, gold]).astype(float)


def f1_of_sums(sums: np.ndarray) -> np.ndarray:
    """F1 of hits, union and gold; NaN without a positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[2] > 0, 2 * sums[0] / (sums[0] + sums[1]), np.nan)


def macro_candidates(rng: np.random.Generator, counts: np.ndarray, resamples: int) -> dict[str, tuple[float, float]]:
    """Intervals of the mean F1 of criteria that have a positive."""
    posts = counts.shape[1]
    sums = counts.sum(axis=1)
    values, overlaps, sizes = f1_of_sums(sums), sums[0] / sums[1], sums[1]
    value = values.mean()
    draws = f1_of_sums(rng.multinomial(posts, np.full(posts, 1 / posts), resamples) @ counts)
    means = np.nanmean(draws, axis=1)
    without = np.nanmean(f1_of_sums(sums[:, None] - counts), axis=1)  # Each post left out.
    gaps = without.mean() - without
    error = np.sqrt((posts - 1) / posts * (gaps**2).sum())
    bias = norm.ppf(np.clip(np.mean(means < value) + np.mean(means == value) / 2, 1 / resamples, 1 - 1 / resamples))
    acceleration = (gaps**3).sum() / (6 * max((gaps**2).sum(), 1e-12) ** 1.5)
    shifted = [bias + z for z in norm.ppf((0.025, 0.975))]

    def recovered(interval: Callable[[float, float], tuple[float, float]]) -> tuple[float, float]:
        ends = np.array([interval(*each) for each in zip(overlaps, sizes, strict=True)]).T
        return mean_interval(value, values, ends, draws)

    known = rng.beta(overlaps * sizes + 0.5, (1 - overlaps) * sizes + 0.5, (4000, len(sizes)))  # Krishnamoorthy and Lee 2010.
    return {
        "from Clopper-Pearson's (Zou)": recovered(exact_f1_interval),
        "from Wilson's intervals (Zou)": recovered(f1_interval),
        "from Beta draws of the overlaps": tuple(np.quantile((2 * known / (1 + known)).mean(axis=1), (0.025, 0.975))),
        "jackknife with t": (value + t.ppf(0.025, posts - 1) * error, value + t.ppf(0.975, posts - 1) * error),
        "percentile bootstrap": tuple(np.quantile(means, (0.025, 0.975))),
        "BCa bootstrap": tuple(np.quantile(means, norm.cdf([bias + each / (1 - acceleration * each) for each in shifted]))),
    }


def tests(args: argparse.Namespace) -> None:
    """Share of test sets in which a comparison errs, or finds a true difference of the size that it states as detectable."""
    rng = np.random.default_rng(args.seed)
    equal = {"agent": args.skill, "baseline": args.skill}
    many = {name: args.skill for name in ("agent", "other", "x", "y", "z")}
    for posts in args.posts:
        single, family, covered, detectable, stated = [], [], [], [], []
        for number in range(args.sets):
            tables, authors = simulate(rng, posts, many, args.author)
            units = authors if args.author > 1 and not args.ignore_authors else None
            options = {"units": units, "permutations": 500, "seed": number}
            found = compare(tables, texts_of(posts), CRITERIA, baselines={"x", "y", "z"}, **options)
            with_baselines = [each for each in found if each.with_baseline and each.metric == "macro_f1"]
            single.append(np.mean([each.p_value <= ALPHA for each in with_baselines]))
            family.append(any(each.p_holm <= ALPHA for each in with_baselines))
            covered.append(np.mean([each.difference.low <= 0 <= each.difference.high for each in with_baselines]))
            alone = compare({name: tables[name] for name in ("agent", "x")}, texts_of(posts), CRITERIA, baselines={"x"}, **options)
            detectable.append(next(each.detectable for each in alone if each.metric == "macro_f1"))
        target = float(np.median(detectable))
        better, true = skill_for(rng, args, target)
        for _ in range(args.sets):
            tables, authors = simulate(rng, posts, equal | {"agent": better}, args.author)
            units = authors if args.author > 1 and not args.ignore_authors else None
            found = compare(tables, texts_of(posts), CRITERIA, baselines={"baseline"}, units=units, permutations=500)
            stated.append(next(each.p_value for each in found if each.metric == "macro_f1") <= ALPHA)
        print(
            f"{posts} posts, {described(args)}: p <= 0.05 of equal systems {100 * np.mean(single):.1f} %; any of six after Holm "
            f"{100 * np.mean(family):.1f} %; interval holds 0 in {100 * np.mean(covered):.1f} %; detectable {target:.3f}; power at a true "
            f"difference of {true:.3f}: {100 * np.mean(stated):.0f} %",
            flush=True,
        )


def skill_for(rng: np.random.Generator, args: argparse.Namespace, target: float) -> tuple[float, float]:
    """The skill at which macro-F1 is about ``target`` above that of ``args.skill``, and the true difference."""
    levels = np.linspace(args.skill, args.skill + 3, 13)
    tables, _ = simulate(rng, TRUTH_POSTS, {f"{level:.3f}": level for level in levels}, args.author)
    macro = []
    for table in tables.values():
        counts = table.assign(hits=table["label"] & table["predicted"]).groupby("criterion")[["hits", "predicted", "label"]].sum()
        macro.append(float((2 * counts["hits"] / (counts["predicted"] + counts["label"])).mean()))
    gains = np.array(macro) - macro[0]
    skill = float(np.interp(target, gains, levels))
    return skill, float(np.interp(skill, levels, gains))


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("rare", "macro", "intervals", "tests"))
    parser.add_argument("--posts", type=int, nargs="+", default=[38, 100, 223])
    parser.add_argument("--prevalence", choices=PREVALENCES, default="redsm5")
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--skill", type=float, default=2.0, help="0: the system sees nothing of the labels")
    parser.add_argument("--author", type=int, default=1, help="posts of each author")
    parser.add_argument("--ignore-authors", action="store_true", help="intervals and tests by post although authors have several")
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    global PREVALENCE, CRITERIA
    PREVALENCE = PREVALENCES[args.prevalence]
    CRITERIA = [f"c{number}" for number in range(len(PREVALENCE))]
    {"rare": rare, "macro": macro, "intervals": intervals, "tests": tests}[args.part](args)


if __name__ == "__main__":
    main()
