"""Altered models, lists of best trials, parameters, corpora and folders: each must come through or be refused in one sentence.

    cd tests && python -m support.fuzzed.run [models topk parameters corpora exports folders searches] [--number 200] [--seed 0]

    models       a byte, an entry or a whole file of a saved agent is altered, mostly with its list of checksums made to fit
    topk         a stage's file of best trials is altered; the next stage and the refit read it
    parameters   ``--params`` with a wrong name, type or value; the run ends before its first node
    corpora      tables and bytes of a corpus are damaged (`tests/support/fuzzed`)
    exports      an export of an annotation tool is damaged
    folders      a saved agent lies in a folder of an odd name, or an entry of it is a folder, a link, a pipe or gone
    searches     a trial is trained on a damaged corpus, with an encoder of which a file is altered or gone

Prints, for each part, how many came through and how many were refused. A violation is an unexpected exception, a refusal of several
lines, an altered file that its checksum does not fit and that is read all the same, a prediction that is no probability, a search that
ends well with an objective of 0 or without metrics, a hang of a minute, or a file that a refused run left behind. Exits with 1 if there
are any.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

from click import ClickException
from support.fuzzed.exports import exports  # noqa: F401 -- a part, found by its name
from support.fuzzed.json_damages import damage_json_file
from support.fuzzed.searches import searches  # noqa: F401 -- a part, found by its name

from psy_agents.errors import UserError

PARTS = ("models", "topk", "parameters", "corpora", "exports", "folders", "searches")
SECONDS = 60
LONGEST = 900  # Characters of a refusal.
POSTS = ["I could not sleep last night. It rained.", "I was tired all day."]
ODD_NAMES = ("a b", "50%", "what?", "#1", "ünï", "a'b\"c", "tab\there", "a;b&c", "-x", "%20", "~", "…" * 60)


class Violation(Exception):
    """A promise that was broken."""


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    """The program's arguments; without a part, all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])  # What argparse checks when there is no part.
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    arguments.parts = arguments.parts or list(PARTS)
    return arguments


def main() -> None:
    arguments = arguments_of()
    logging.disable(logging.WARNING)
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    violations = 0
    with tempfile.TemporaryDirectory() as root:
        for part in arguments.parts:
            try_one = globals()[part](Path(root))
            outcomes: Counter[str] = Counter()
            for number in range(arguments.number):
                outcomes[outcome_of(part, f"{part}-{arguments.seed}-{number}", try_one)] += 1
            violations += outcomes["violation"]
            print(f"{part:<12}" + "".join(f"{name} {outcomes[name]:<6}" for name in ("through", "refused", "violation")), flush=True)
    sys.exit(violations > 0)


def outcome_of(part: str, seed: str, try_one: Callable[[Random], None]) -> str:
    from kedro.io.core import DatasetError

    try:
        with _limit():
            try_one(Random(seed))
        return "through"
    except DatasetError as error:  # Kedro wraps what a dataset raises; a session takes it out.
        cause = error.__cause__ or error
        return outcome_of(part, seed, lambda _: _raise(cause))
    except (UserError, ClickException) as refusal:
        sentence = str(refusal)
        if "\n" not in sentence.strip() and 0 < len(sentence) <= LONGEST:
            return "refused"
        print(f"{seed}: a refusal of {len(sentence)} characters: {sentence[:300]!r}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        print(f"{seed}: {type(error).__name__}: {str(error)[:200]!r} at {Path(place.filename).name}:{place.lineno}", flush=True)
        if os.environ.get("TRACEBACK"):
            traceback.print_exc()
    return "violation"


def _raise(error: BaseException) -> None:
    raise error


@contextmanager
def _limit() -> Any:
    def stop(*_: Any) -> None:
        raise Violation(f"no answer in {SECONDS} s")

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _agents(root: Path) -> list[Path]:
    """Saved agents without training, one of each kind."""
    import torch
    from support import tiny_agents

    from psy_agents.agents.config import ModelConfig
    from psy_agents.agents.encoders.tokenizer import load_tokenizer
    from psy_agents.agents.registry import AGENTS, new_agent
    from psy_agents.agents.saved.agent import Decisions, InferenceSettings, save_agent

    encoder = Path(tiny_agents.build_encoder("bert", root / "encoder"))
    folders = []
    for name in AGENTS:
        torch.manual_seed(1)
        folders.append(root / "agents" / name)
        folders[-1].parent.mkdir(exist_ok=True)
        model = new_agent(name, ModelConfig(encoder=str(encoder), max_length=32), encoder)
        save_agent(folders[-1], model, name, load_tokenizer(encoder), Decisions(), tiny_agents.CRITERIA, {}, InferenceSettings())
    return folders


def _predict(folder: Path) -> None:
    import psy_agents

    for text, found in zip(POSTS, psy_agents.load(folder).predict(POSTS, quotes=True), strict=True):
        for prediction in found.values():
            if prediction.probability is not None and not 0 <= prediction.probability <= 1:
                raise Violation("a probability that is none")
            for span in prediction.spans or ():
                if not (0 <= span.start < span.end <= len(text) and math.isfinite(span.score)):
                    raise Violation("a span outside its post")


def _damage_bytes(file: Path, random: Random) -> None:
    from support.fuzzed.byte_damages import BYTE_DAMAGES

    file.write_bytes(random.choice(list(BYTE_DAMAGES.values()))(file.read_bytes(), random))


def models(root: Path) -> Callable[[Random], None]:
    """Altered files of saved agents."""
    from psy_agents.agents.saved.checksums import write_checksums
    from psy_agents.files.checksums import checksums, file_names

    folders = _agents(root)

    def try_one(random: Random) -> None:
        folder = root / "altered"
        shutil.rmtree(folder, ignore_errors=True)
        saved = random.choice(folders)
        shutil.copytree(saved, folder)
        before = checksums(folder, file_names(folder))
        file = folder / random.choice(sorted(before))
        damage = damage_json_file if file.suffix == ".json" and random.random() < 0.7 else _damage_bytes
        damage(file, random)
        fits = random.random() < 0.7 and file.name != "hashes.json"
        if fits:
            write_checksums(folder)
        changed = checksums(folder, file_names(folder)) != before
        _predict(folder)
        if changed and not fits and json.loads(file.read_text()) != json.loads((saved / "hashes.json").read_text()):
            raise Violation(f"{file.name} was altered, and read all the same")

    return try_one


def folders(root: Path) -> Callable[[Random], None]:
    """Saved agents in folders of odd names, with entries that are no files."""
    from psy_agents.files.checksums import file_names

    agents = _agents(root / "folders") if (root / "agents").is_dir() else _agents(root)

    def try_one(random: Random) -> None:
        outside = root / "odd"
        shutil.rmtree(outside, ignore_errors=True)
        folder = outside / random.choice(ODD_NAMES) / random.choice(ODD_NAMES)
        shutil.copytree(random.choice(agents), folder)
        odd = random.random() < 0.6
        if odd:
            file = folder / random.choice(list(file_names(folder)))
            file.rename(outside / "moved")
            kind = random.choice(("gone", "folder", "pipe", "link", "loop", "unreadable"))
            if kind == "folder":
                file.mkdir()
            elif kind == "pipe":
                os.mkfifo(file)
            elif kind in ("link", "loop"):
                file.symlink_to(file if kind == "loop" else outside / "moved")
            elif kind == "unreadable":
                file.write_bytes(b"")
        _predict(folder)
        if odd:
            raise Violation(f"{file.name} is {kind}, and the agent was loaded")

    return try_one


def topk(root: Path) -> Callable[[Random], None]:
    """Files of best trials, for the next stage and the refit."""
    from support.small_search import SPACES, best_trials

    from psy_agents.datasets.checked_json import CheckedJSONDataset
    from psy_agents.hpo.config import BoundingBox, CarryOver, StageConfig
    from psy_agents.hpo.refit.config import RefitConfig
    from psy_agents.hpo.refit.run_refit import check_top_k
    from psy_agents.hpo.run_stage import build_on
    from psy_agents.hpo.study.topk import TopK
    from psy_agents.training.config import TrainingSettings

    corpus, settings = SimpleNamespace(fingerprint="5a17"), TrainingSettings(precision="float32")
    data, space = corpus.fingerprint, SPACES.space("criteria", "small", settings)
    sound = best_trials("criteria", corpus, settings, *({"learning_rate": rate} for rate in (1e-3, 3e-3, 5e-4))).model_dump(mode="json")
    file = root / "topk.json"
    dataset = CheckedJSONDataset(filepath=str(file), model="psy_agents.hpo.study.topk.TopK")

    def try_one(random: Random) -> None:
        file.write_text(json.dumps(sound), encoding="utf-8")
        (damage_json_file if random.random() < 0.8 else _damage_bytes)(file, random)
        top = TopK.model_validate(dataset.load())
        for refine in (BoundingBox(), CarryOver()):
            stage = StageConfig(name="stage1", label="coarse", n_trials=3, epochs=2, patience=2, refine=refine)
            made = build_on("criteria", stage, space, top, data, root / "studies.db")
            for params in made.first:
                made.space.complete(params)
            json.dumps(made.identity())
        check_top_k("criteria", RefitConfig(stage="stage1"), settings, top, data)

    return try_one


def corpora(root: Path) -> Callable[[Random], None]:
    """Damaged corpora: read, prepared and split."""
    from support.fuzzed.byte_damages import BYTE_DAMAGES
    from support.fuzzed.corpus import fuzzed_corpus
    from support.fuzzed.table_damages import TABLE_DAMAGES

    from psy_agents.corpus.prepare import prepare_corpus, split_corpus
    from psy_agents.corpus.reading.tables import read_json, read_table

    folder = root / "corpus"
    folder.mkdir()

    def try_one(random: Random) -> None:
        corpus = fuzzed_corpus(random.randrange(10**9), random.sample([*TABLE_DAMAGES, *BYTE_DAMAGES], random.randint(1, 3)))
        corpus.write(folder)
        files = corpus.settings.files
        posts, annotations = read_table(folder / files.posts), read_table(folder / files.annotations)
        prepared = prepare_corpus(posts, annotations, read_json(folder / files.criteria), corpus.settings, salt="5a17")
        split_corpus(prepared.posts, prepared.pairs, corpus.settings.splits)

    return try_one


def parameters(root: Path) -> Callable[[Random], None]:
    """Runs whose ``--params`` are wrong; no node runs."""
    from kedro.framework.startup import bootstrap_project
    from kedro.runner import SequentialRunner
    from support.finished_project import leave_out_tracking
    from support.fuzzed.json_damages import ODD_VALUES
    from support.project_copy import copy_project

    from psy_agents.app.session import AgentSession
    from psy_agents.cli import run

    project = root / "project"
    copy_project(project)
    leave_out_tracking(project)
    bootstrap_project(project)
    os.chdir(project)
    SequentialRunner.run = lambda self, pipeline, catalog, *args, **kwargs: {}
    known = _leaves(AgentSession.create(project_path=project)._get_config_loader()["parameters"])
    values = [*(str(value) for value in ODD_VALUES), "1e999", "[1,2", "{a:", "null", "=", "a=b", "${x}", "'", "~/a.csv", "10**20", "1,2"]

    def try_one(random: Random) -> None:
        given = []
        for _ in range(random.randint(1, 2)):
            name = random.choice(known)
            if random.random() < 0.3:
                cut = random.randrange(len(name))
                name = random.choice((name[:cut] + name[cut + 1 :], name + ".x", name + "[0]", name.replace(".", "_"), name.upper(), ""))
            given.append(f"{name}={random.choice(values)}")
        before = set(project.rglob("*"))
        try:
            params = run.make_context("run", ["--params", ",".join(given)]).params["params"]
            session = AgentSession.create(project_path=project, runtime_params=params)
            session.run(pipeline_names=[random.choice(("hpo_stage0", "refit", "predict", "report", "full_hpo_all"))])
        except (UserError, ClickException):
            left = [path for path in project.rglob("*") if path not in before and "__pycache__" not in path.parts]
            if left:
                raise Violation(f"a refused run wrote {left[:3]}") from None
            raise

    return try_one


def _leaves(value: Any, name: str = "") -> list[str]:
    if not isinstance(value, dict) or not value:
        return [name]
    return [leaf for key, inner in value.items() for leaf in _leaves(inner, f"{name}.{key}" if name else str(key))]


if __name__ == "__main__":
    main()
