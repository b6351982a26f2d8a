"""`gpu.py equal`: the losses of one trial on two ways, what an epoch, its captures, a prediction and a night take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from on_gpu.encoders import make_corpus, mixed_lengths
from on_gpu.losses import compare, new_run, ways
from on_gpu.night import night
from on_gpu.predicting import predict
from on_gpu.trainer import left, now

from psy_agents.corpus.corpus import Corpus
from psy_agents.training.step.buckets import Buckets
from psy_agents.training.timing import time_evaluation
from psy_agents.training.trainer import TrainingRun

AGENTS = ("share", "joint")


def equal(options: Any, folder: Callable[[str], Path], ends: float) -> Iterator[dict[str, Any]]:
    """Lines of losses, of an epoch's parts, of captures and of predictions, the most telling first; then those of a night."""
    posts, longest, epochs = (12, 60, 1) if options.tiny else (160, 300, 2)
    corpus = make_corpus(mixed_lengths(posts, longest), mixed_lengths(posts // 3, longest, seed=1), criteria=2 if options.tiny else 4)
    names = options.encoders or (("bert",) if options.tiny else ("bert", "deberta", "modernbert"))
    first, others = names[0], [(name, AGENTS[0]) for name in names[1:]]

    def losses(name: str, agent: str) -> dict[str, Any]:
        return {"what": "losses", "encoder": name, "agent": agent, **compare(agent, folder(name), corpus, epochs, options.device)}

    def predictions() -> dict[str, Any]:
        run = new_run("share", folder(first), corpus, options.device, 1)
        return {"what": "predict", "encoder": first, "agent": "share", **predict(run, corpus, ways(options.device), options.device)}

    plan: list[tuple[float, Callable[[], dict[str, Any]]]] = [
        (30, lambda: losses(first, AGENTS[0])),
        (15, lambda: {"what": "epoch", "encoder": first, "agent": "share", **parts(folder(first), corpus, options.device)}),
        (30, lambda: {"what": "captures", "encoder": first, "agent": "share", **captures(folder(first), corpus, options)}),
        (30, predictions),
        *((30, partial(losses, *each)) for each in (*([] if options.tiny else [(first, AGENTS[1])]), *others)),
    ]
    for number, (takes, line) in enumerate(plan, start=1):
        if left(ends) < takes * (not options.tiny):
            yield {"left_out": f"lines {number} to {len(plan)}: no time is left"}
            break
        yield line()
    yield from night(folder("bert" if options.tiny else "minilm"), options, ends)


def captures(encoder: Path, corpus: Corpus, options: Any) -> dict[str, Any]:
    """What captures take of a trial of 15 epochs, and of its first three: seconds, their number, and their share."""
    epochs = (1, 2) if options.tiny else (3, 15)
    run = new_run("share", encoder, corpus, options.device, epochs[-1])
    if run.graphs is None:
        return {"left_out": "nothing is captured"}
    taken: list[float] = []
    capture = run.graphs.capture

    def timed(function: Callable[[], Any]) -> Callable[[], Any] | None:
        begin = now(options.device)
        replay = capture(function)
        taken.append(now(options.device) - begin)
        return replay

    run.graphs.capture = timed
    found, begin = [], now(options.device)
    for epoch in run.epochs():
        if epoch.number in epochs:
            whole = now(options.device) - begin
            found.append((len(taken), round(sum(taken), 3), round(whole, 2), round(sum(taken) / whole, 3)))
    number, seconds, whole, share = zip(*found, strict=True)
    return {"epochs": epochs, "captures": number, "seconds": seconds, "of_seconds": whole, "share": share}


def parts(encoder: Path, corpus: Corpus, device: str) -> dict[str, Any]:
    """Seconds of an epoch after the first: its batches (they are part of its steps too), steps, evaluation and scoring."""
    run = new_run("share", encoder, corpus, device, 1)
    run._train_epoch(1)
    begin = now(device)
    losses = run._train_epoch(1)
    steps = now(device) - begin
    evaluation, scoring, _ = time_evaluation(run)
    seconds = {"batches": time_batches(run), "steps": steps, "evaluation": evaluation, "scoring": scoring}
    return {"pairs": len(run.data.train), "steps_number": len(losses), **{name: round(each, 4) for name, each in seconds.items()}}


def time_batches(run: TrainingRun) -> float:
    """Seconds to make all batches of an epoch; where steps are captured, to make their indices: the graphs make the rest."""
    tables, captured = run.train_tables, run.graphs is not None
    buckets = Buckets(int(tables.lengths.max()), int(tables.n_sentences.max()), run.agent.packed)
    steps = run._steps(run._batches(run._epoch_pairs(1)))
    begin = now(run.device.type)
    for pairs in (pairs for step in steps for pairs in step):
        if captured:
            tables.index(pairs, run.config.batch_size, buckets)
        else:
            tables.batch(pairs)
    return now(run.device.type) - begin
