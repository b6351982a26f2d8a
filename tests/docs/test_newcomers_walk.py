"""The walk of a newcomer: a fresh clone, README's first command, then what each command says comes next, and the pages that they print.

The clone is of the last commit. README's installation is left to CI (`.ci/run`), as it needs a package index.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.browser import Browser, needs_browser
from support.programs.preloaded import run_command
from support.shared import made_once

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = "I have not slept for days. We walked home."
SMALL = (
    "hpo.stage0.n_trials=1,hpo.refit.candidates=1,hpo.refit.n_seeds=1,hpo.refit.mlflow_model=false,baselines.embedding.use=false,"
    "training.precision=float32,training.fixed.max_length=128,training.fixed.encoder="
)
"""One trial, one final model, and an encoder that takes a second to train."""

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no git repository to clone")


@dataclass(frozen=True)
class Walk:
    """The clone, and what its commands have printed: of a stage, a refit, the leaderboard and a prediction."""

    clone: Path
    stage: str
    refit: str
    leaderboard: str
    predicted: str

    def page(self, printed: str, dataset: str) -> Path:
        """The page that a command says it has saved."""
        return self.clone / re.search(rf"saved {dataset}: (\S+\.html)$", printed, re.M)[1]


def first_command() -> str:
    """The last line of README's first block."""
    return re.search(r"```bash\n(.+?)```", README, re.S)[1].splitlines()[-1]


def then(printed: str, label: str) -> str:
    """What a closing box says after a label, such as ``next``."""
    return re.search(rf"^  {label}: (.+)$", printed, re.M)[1]


def value(printed: str, label: str) -> float:
    """The figure in a row of a closing box."""
    return float(re.search(rf"^│ {label} +(\d\.\d+)", printed, re.M)[1])


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Walk:
    def go(folder: Path) -> Walk:
        clone = folder / "clone"
        subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), str(clone)], check=True, timeout=600)

        def run(command: str) -> str:
            ended = run_command(command, clone)
            assert ended.returncode == 0, (command, ended.stderr[-4000:])
            return ended.stderr + ended.stdout

        stage = run(first_command().replace("kedro run", "kedro run --env test") + f",{SMALL}{tiny_encoder}")
        refit = run(then(stage, "a model from here"))
        leaderboard = run("kedro run --env test --pipeline leaderboard --params baselines.embedding.use=false")
        return Walk(clone, stage, refit, leaderboard, run(then(refit, "try it").replace("text of a post", TEXT)))

    return made_once(tmp_path_factory, "walk", go)


def test_each_command_names_what_is_there_and_the_next_one(walk):
    assert (walk.clone / then(walk.stage, "open")).is_file()
    assert then(walk.stage, "next").startswith("kedro run --env test --pipeline hpo_stage1 --params agent=evidence,")
    assert (walk.clone / then(walk.refit, "open") / "agent.json").is_file()
    (row,) = [line for line in walk.leaderboard.splitlines() if line.startswith(" stage0")]
    best, test = value(walk.stage, "best token-F1 on validation"), value(walk.refit, "token-F1 on test")
    assert [f"{best:.3f}", f"{test:.3f}"] == [word for word in row.split() if re.fullmatch(r"\d\.\d{3}", word)][::2]


def test_a_text_is_answered_for_every_criterion_with_quotes_of_it(walk):
    rows = re.findall(r"^ ([A-Z]{4}[A-Z_]+) +(yes|no)\b(.*)$", walk.predicted, re.M)
    assert len(rows) == 9
    for _, predicted, rest in rows:
        quotes = re.findall("“(.+?)”", rest)
        assert bool(quotes) == (predicted == "yes") and all(quote in TEXT for quote in quotes)


def test_git_sees_nothing_new_in_the_clone(walk):
    seen = subprocess.run(["git", "status", "--porcelain"], cwd=walk.clone, capture_output=True, text=True, check=True)
    assert seen.stdout == ""


@needs_browser
def test_the_pages_open_on_a_desk_and_on_a_phone(walk, tmp_path):
    pages = {
        walk.page(walk.stage, "data_quality_page"): "160 posts, 30 used",
        walk.page(walk.leaderboard, "leaderboard_page"): f"{value(walk.stage, 'best token-F1 on validation'):.3f}",
    }
    with Browser(tmp_path / "user") as browser:
        for page, words in pages.items():
            for width in (1280, 400):
                browser.open(page, width=width)
                assert words in browser.run("document.body.innerText"), page
                assert browser.run("document.documentElement.scrollWidth") <= width, page
                assert width < 1280 or not browser.run("document.querySelectorAll('.scrolls').length") or page.stem != "leaderboard", page
                assert browser.complaints() == browser.requested() == [], page
