"""Searches on damaged corpora with damaged encoders: one that ends well has found something and has its metrics."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

EPOCHS = 2


class EmptySearch(Exception):
    """A search that ended well and says nothing."""


def searches(root: Path) -> Callable[[Random], None]:
    """What a stage does on this machine, without its processes: checks, then a trial of a random agent, saved and loaded again."""
    from support.fuzzed.byte_damages import BYTE_DAMAGES
    from support.fuzzed.corpus import fuzzed_corpus
    from support.fuzzed.draft import STEMS
    from support.fuzzed.json_damages import damage_json_file
    from support.fuzzed.table_damages import TABLE_DAMAGES
    from support.small_search import SPACES, training_settings
    from support.tiny_bert import build_bert

    import psy_agents
    from psy_agents.agents.registry import AGENTS
    from psy_agents.corpus.corpus import Corpus
    from psy_agents.corpus.prepare import prepare_corpus, split_corpus
    from psy_agents.corpus.reading.tables import read_json, read_table
    from psy_agents.hpo.corpus_fit import check_criteria_fit, check_evidence
    from psy_agents.hpo.objective import AgentObjective
    from psy_agents.hpo.protocol import TrialSpec
    from psy_agents.hpo.search_setup import SearchSetup

    sound, altered, folder = root / "sound_encoder", root / "altered_encoder", root / "searched"
    for made in (sound, folder):
        made.mkdir()
    build_bert(sound, [f"{stem}{digit}." for stem in STEMS for digit in range(10)] + ["The text of SLEEP."], vocab_size=400, layers=1)

    def try_one(random: Random) -> None:
        agent, encoder = random.choice(list(AGENTS)), sound
        if random.random() < 0.4:
            encoder = altered
            shutil.rmtree(altered, ignore_errors=True)
            shutil.copytree(sound, altered)
            file = altered / random.choice(sorted(path.name for path in altered.iterdir()))
            if random.random() < 0.3:
                file.unlink()
            elif file.suffix == ".json":
                damage_json_file(file, random)
            else:
                file.write_bytes(random.choice(list(BYTE_DAMAGES.values()))(file.read_bytes(), random))
        damages = random.sample([*TABLE_DAMAGES, *BYTE_DAMAGES], random.randint(0, 1))
        drawn = fuzzed_corpus(random.randrange(10**9), damages)
        drawn.write(folder)
        files = drawn.settings.files
        tables = (read_table(folder / name) for name in (files.posts, files.annotations))
        made = prepare_corpus(*tables, read_json(folder / files.criteria), drawn.settings, salt="5a17")
        corpus = Corpus(made.posts, made.pairs, made.sentences, split_corpus(made.posts, made.pairs, drawn.settings.splits), made.criteria)
        settings = training_settings(encoder)
        space = SPACES.space(agent, "small", settings)
        check_criteria_fit(corpus.criteria, {str(encoder): encoder}, space, settings, "small")
        check_evidence(agent, corpus)
        objective = AgentObjective(SearchSetup(agent, settings, corpus, encoders=(str(encoder),)))
        checkpoint = root / "weights"
        shutil.rmtree(checkpoint, ignore_errors=True)
        params = {"learning_rate": 10 ** random.uniform(-4, -2)}
        spec = TrialSpec(number=0, params=params, seed=random.randrange(10**6), epochs=EPOCHS, patience=EPOCHS, checkpoint=checkpoint)
        outcome = objective(spec, lambda epoch: True)
        check_outcome(outcome.value, outcome.metrics)
        psy_agents.load(checkpoint).predict(["I was zqtelu1 all day."])

    return try_one


def check_outcome(value: float, metrics: Mapping[str, Any]) -> None:
    """Refuse a best trial that is worth nothing, though no sentence said so.

    Raises:
        EmptySearch: the objective is no number or 0, or there are no metrics.
    """
    if not metrics:
        raise EmptySearch("a search ended well without metrics")
    if not math.isfinite(value) or value <= 0:
        raise EmptySearch(f"a search ended well with an objective of {value:g}")
