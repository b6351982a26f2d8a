"""The card and the data statement say what was measured, what is stated, and what is not known."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from sklearn.metrics import f1_score, recall_score
from support.reporting.metric_names import raw_metric_names
from support.small_export import ABOUT, CONFIG
from support.small_search import CANARY, files_with

from psy_agents.agents.registry import AGENTS
from psy_agents.agents.saved.agent import Decisions
from psy_agents.agents.saved.checksums import write_checksums
from psy_agents.agents.saved.ensemble import save_ensemble
from psy_agents.errors import UserError
from psy_agents.evaluation.intervals import ratio_interval
from psy_agents.evaluation.results import ClassScores, Estimate
from psy_agents.release.config import PublishConfig
from psy_agents.release.data_statement import HEADINGS
from psy_agents.release.export_folder import exported_folder
from psy_agents.release.files import file_checksums
from psy_agents.release.known_failures import CRISIS, Lowest, failures_section, lowest, misses
from psy_agents.release.markdown import cell, table
from psy_agents.release.model_card import model_card
from psy_agents.release.publish import publish
from psy_agents.release.reproduce import reproduction_commands


@pytest.fixture(scope="module")
def card_of(trained):
    """Card and statement of an agent, read once."""
    read = {}

    def card(agent: str) -> tuple[str, str]:
        if agent not in read:
            made = trained(agent)
            with exported_folder(made.facts(), made.model) as folder:
                assert files_with(folder, CANARY) == [], "no text of a post"
                read[agent] = tuple((folder / name).read_text(encoding="utf-8") for name in ("README.md", "DATA_STATEMENT.md"))
        return read[agent]

    return card


def rows(card: str, heading: str) -> dict[str, list[str]]:
    """The first table below a heading, by its first column."""
    part = card.split(f"\n{heading}\n", 1)[1]
    lines = re.search(r"((?:^\|.*\|$\n?)+)", part, re.M)[1].splitlines()[2:]
    cells = [[each.strip() for each in line.strip("|").split(" | ")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_hub_reads_the_header_and_nothing_in_it_is_invented(card_of, trained, agent):
    card = ModelCard(card_of(agent)[0])
    assert (card.data.license, card.data.language, card.data.base_model) == ("cc-by-4.0", ["en"], None), "the encoder is a local folder"
    assert agent in card.data.tags
    shown = {result.metric_name: result.metric_value for result in card.data.eval_results}
    metrics = trained(agent).summary["test_metrics"]
    wanted = {"macro-F1 of criteria": "macro_f1", "token-F1 of evidence": "token_f1"}
    assert {name: shown[name] for name in wanted if name in shown} == {
        name: pytest.approx(metrics[key], abs=1e-6) for name, key in wanted.items() if key in metrics
    }
    assert {result.dataset_type for result in card.data.eval_results} == {"meadow"}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_figures_are_those_of_the_saved_predictions(card_of, trained, agent):
    card, saved = card_of(agent)[0], trained(agent).predictions
    shown, missed = rows(card, "### By criterion"), rows(card, "### What it misses, by criterion")
    for criterion, pairs in saved.groupby("criterion"):
        gold, predicted = pairs["label"], pairs["predicted"]
        training, support, n_predicted, _, recall, f1, _ = shown[criterion]
        assert (int(support), int(n_predicted)) == (gold.sum(), predicted.sum())
        assert float(recall.split()[0]) == pytest.approx(recall_score(gold, predicted), abs=5e-4)
        assert float(f1.split()[0]) == pytest.approx(f1_score(gold, predicted, zero_division=0), abs=5e-4)
        quality = trained(agent).quality["criteria"][criterion]["positives"]
        assert int(training) == quality["train"] + quality["validation"]
        assert missed[criterion][:2] == [str(gold.sum()), str((gold & ~predicted.astype(bool)).sum())]
        assert float(missed[criterion][2].split()[0]) == pytest.approx(1 - recall_score(gold, predicted), abs=5e-4)


def test_metrics_have_their_titles_and_detectable_differences_three_decimals(card_of):
    card = card_of("share")[0]
    figures = rows(card, "## Figures on test")
    assert {"macro-F1 of criteria", "token-F1 of evidence", "Exact match of criteria", "Exact match of evidence"} <= set(figures)
    assert raw_metric_names(card) == set()
    differences = card.split("| This agent minus ", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    assert len(differences) > 2 and all(re.search(r"\| (\d\.\d{3}|–) \|$", line) for line in differences)


def test_criteria_as_low_as_the_last_one_shown_are_counted():
    values = dict.fromkeys("abcde", 0.0) | {"f": 1.0}
    assert lowest(values, str.upper) == Lowest([("a", "A"), ("b", "B"), ("c", "C")], more=2)
    assert lowest({"b": 0.2, "a": 0.1}, str.upper) == Lowest([("a", "A"), ("b", "B")], more=0)
    assert lowest({}, str.upper) == Lowest([], more=0)


def test_misses_have_the_interval_of_the_recall_turned_round(trained):
    evaluation = trained("criteria").facts().evaluation
    for each in misses(evaluation):
        recall = evaluation.criterion.per_criterion[each.criterion].recall
        assert (each.rate.low, each.rate.value, each.rate.high) == pytest.approx((1 - recall.high, 1 - recall.value, 1 - recall.low))
        assert each.missed == round(each.rate.value * each.support)


def test_no_miss_among_25_pairs_is_not_shown_as_certain(trained):
    """Clopper and Pearson's upper end for 0 of 25 is 0.137."""
    facts = trained("criteria").facts()
    evaluation, criterion = facts.evaluation, facts.evaluation.criterion
    low, high = ratio_interval("exact", np.ones(25), np.ones(25), np.arange(25))
    found = ClassScores(support=25, predicted=25, recall=Estimate(value=1.0, low=low, high=high), precision=None, f1=None, auprc=None)
    slices = [each.model_copy(update={"false_negatives": 0}) if each.name == "SLEEP" else each for each in evaluation.errors]
    perfect = criterion.model_copy(update={"per_criterion": {**criterion.per_criterion, "SLEEP": found}})
    section = failures_section(facts.report, evaluation.model_copy(update={"criterion": perfect, "errors": tuple(slices)}), ["SLEEP"])
    assert "`SLEEP`: **0 of 25 positive pairs missed**, share 0.000 [0.000, 0.137]." in section


def test_a_criterion_without_a_positive_pair_on_test_is_unknown(trained):
    facts = trained("criteria").facts()
    nothing = ClassScores(support=0, predicted=1, **dict.fromkeys(("precision", "recall", "f1", "auprc")))
    criterion = facts.evaluation.criterion
    absent = criterion.model_copy(update={"per_criterion": {**criterion.per_criterion, "SLEEP": nothing}})
    section = failures_section(facts.report, facts.evaluation.model_copy(update={"criterion": absent}), ["SLEEP"])
    assert "No positive pair on test, so nothing is known: `SLEEP`." in section
    fewest = re.search(r"Fewest positive pairs on test: (.+)\. Figures", section)[1]
    assert "SLEEP" not in fewest and "`FATIGUE`" in fewest, "a criterion without a positive pair has no figures"
    assert "`SLEEP`: no positive pair on test, so it is not known how often it is missed." in section
    assert rows(section, "### What it misses, by criterion")["SLEEP"] == ["0", "0", "–"]


def test_safety_critical_misses_are_listed_with_a_note_on_crisis_resources(card_of, trained):
    card, saved = card_of("share")[0], trained("share").predictions.query("criterion == 'SLEEP' and label == 1")
    assert f"`SLEEP`: **{(saved['predicted'] == 0).sum()} of {len(saved)} positive pairs missed**" in card
    assert CRISIS in card and "findahelpline.com" in CRISIS
    assert "not a diagnostic device" in card


def test_the_corpus_names_them_and_the_code_knows_none(trained):
    misspelt = CONFIG.corpus_description.model_copy(update={"safety_critical": ("SLEP",)})
    with pytest.raises(UserError, match=r"export\.corpora\.meadow\.safety_critical: SLEP is no criterion of the corpus .*SLEEP, FATIGUE"):
        trained("criteria").facts(CONFIG.model_copy(update={"corpora": {"meadow": misspelt}}))


def test_the_data_statement_has_every_heading_and_lists_what_is_not_known(card_of, trained):
    statement = card_of("criteria")[1]
    assert re.findall(r"^## (.+)$", statement, re.M) == list(HEADINGS.values())
    parts = dict(re.findall(r"^## . ?\.? ?(.+)\n\n(.+)$", statement, re.M))
    assert parts["Speech situation"] == "A forum."
    assert parts["Speaker demographic"].startswith("Not known")
    assert ABOUT["meadow"]["labels"] in statement and "Meadow agreement" in statement
    account = trained("criteria").quality["account"]
    assert f"{account['posts']['used']:,} of {account['posts']['in']:,} posts" in statement


def test_nothing_is_claimed_of_a_corpus_that_is_not_described(trained, caplog):
    made = trained("criteria")
    other = {"meadows": CONFIG.corpus_description}
    bare = CONFIG.model_copy(update={"corpora": other, "agreement": None, "licence": None})
    with exported_folder(made.facts(bare), made.model) as folder:
        card, statement = ((folder / name).read_text(encoding="utf-8") for name in ("README.md", "DATA_STATEMENT.md"))
    assert "export.corpora describes meadows, but not meadow: the card says that nothing is known of this corpus" in caplog.text
    header = ModelCard(card).data.to_dict()
    assert "language" not in header and "license" not in header
    assert "names no criterion whose misses may endanger somebody" in card and "findahelpline" not in card
    assert "no licence has been chosen" in card and "names no data agreement" in card
    assert statement.count("Not known: the corpus' configuration") == len(HEADINGS) + 1, "the headings, and the labels' origin"


def test_the_hashes_are_those_of_the_files(trained):
    made = trained("joint")
    with exported_folder(made.facts(), made.model) as folder:
        card, hashes = (folder / "README.md").read_text(encoding="utf-8"), file_checksums(folder)
        record = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        shown = {name: cells[-1].strip("`") for name, cells in rows(card, "## Files").items()}
    assert record["files"] == hashes == {name: shown[name] for name in hashes}
    assert {"criteria_encoder/model.safetensors", "evidence_encoder/model.safetensors", "heads.safetensors", "agent.json"} <= set(shown)
    assert set(shown) - set(hashes) == {"export.json"}
    assert not folder.exists(), "it is there while it is saved"


@pytest.fixture
def together(trained, tmp_path):
    """An agent twice in one folder, and a summary that says so."""
    made, folder = trained("share"), tmp_path / "share"
    save_ensemble(folder, [made.model] * 2, Decisions(0.4))
    cost = {"members": 2, "train_seconds": 2.0, "test_seconds": 1.0, "parameters": 10, "disk_bytes": 10}
    gain = {
        "metric": "macro_f1", "first": "ensemble", "second": "single", "difference": {"value": 0.125, "low": -0.25, "high": 0.5},
        "p_value": 0.5, "p_holm": 0.5, "detectable": 0.53, "permutations": 100,
    }  # fmt: skip
    members = [{"rank": 1, "seed": seed, "epochs": 2} for seed in (11, 23)]
    ensemble = {
        "kind": "seeds", "gain": [gain], "cost": cost, "single_cost": {**cost, "members": 1}, "members": members,
        "members_study": "share-stage3-members-0", "study": "share-stage3-ensemble-0", "single_test_value": 0.5,
        "single_test_metrics": {}, "single_decisions": {},
    }  # fmt: skip
    return folder, made.facts(summary={**made.summary, "ensemble": ensemble})


def test_the_card_of_an_ensemble_names_its_members_and_its_examples_load_it(together):
    folder, facts = together
    with exported_folder(facts, folder) as path:
        card = (path / "README.md").read_text(encoding="utf-8")
        for example in re.findall(r"```python\n(.*?)```", card, re.S):
            exec(example.replace("path/of/this/folder", str(path)), {})
    assert "It is an ensemble: 2 agents answer together" in card
    assert "of 2 members, all trained in this way: trial 4 with seed 11, 2 epochs; trial 4 with seed 23, 2 epochs." in card
    assert "Gains on test over the winner alone: macro-F1 0.125 [-0.250, 0.500] (detectable: 0.530)." in card
    refit, _ = reproduction_commands(facts.summary, (), CONFIG, "unknown")[-2:]
    assert refit.endswith("hpo.refit.n_seeds=2,hpo.refit.resplit=false,hpo.refit.ensemble=seeds,hpo.refit.ensemble_size=2")


def test_the_card_of_an_ensemble_names_the_licence_of_each_members_encoder(together, trained, tmp_path):
    _, facts = together
    first, other, folder = trained("share").model, tmp_path / "other", tmp_path / "of_two"
    shutil.copytree(first, other)
    encoder = Path(shutil.copytree(trained("share").summary["hyperparameters"]["encoder"], tmp_path / "forbidding"))
    (encoder / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    described = json.loads((other / "agent.json").read_text(encoding="utf-8"))
    described["hyperparameters"]["encoder"] = str(encoder)
    (other / "agent.json").write_text(json.dumps(described), encoding="utf-8")
    write_checksums(other)
    save_ensemble(folder, [first, other], Decisions(0.4))
    card = model_card(facts, folder, {})
    assert "- Encoder `forbidding`: cc-by-nc-4.0. **It allows no commercial use, and these weights are derived from the encoder.**" in card
    assert f"- Encoder `{facts.encoder}`: its folder states no licence" in card and str(encoder) not in card
    asked = []
    with exported_folder(facts, folder) as path, pytest.raises(UserError, match="Nothing was published"):
        publish(path, PublishConfig(repository="somebody/share"), api=lambda: None, ask=lambda question: asked.append(question) or "no")
    assert "of the encoder forbidding: cc-by-nc-4.0" in asked[0] and f"of the encoder {facts.encoder}: " in asked[0]
    save_ensemble(tmp_path / "of_one", [first, first], Decisions(0.4))
    assert model_card(facts, tmp_path / "of_one", {}).count("- Encoder `") == 1


def test_the_commands_name_stages_seeds_environment_and_agreement(trained):
    facts = trained("criteria").facts()
    searched = (
        {"stage": "stage0", "trials": 8, "epochs": 3, "patience": 5, "seed": 0},
        {"stage": "stage2", "trials": 50, "epochs": 15, "patience": 15, "seed": 0},
        {"stage": "stage3", "trials": 10, "epochs": 15, "patience": 15, "seed": None},
    )
    folder = trained("criteria").summary["hyperparameters"]["encoder"]
    given = {"preprocessing.max_posts": 30, "training.fixed.encoder": folder, "export.formats": "onnx"}
    config = CONFIG.model_copy(update={"environment": "meadow", "given": given, "formats": ("onnx",)})
    more = f"agent=criteria,preprocessing.max_posts=30,training.fixed.encoder={Path(folder).name},export.formats=onnx"
    assert reproduction_commands(facts.summary, searched, config, "abc123+changes") == [
        "git checkout abc123",
        "pip install -c requirements.lock -e .",
        'kedro run --env meadow --pipeline preprocessing --params data_agreement="YOUR NAME"',
        "kedro run --env meadow --pipeline hpo_stage0 --params "
        f"{more},hpo.stage0.n_trials=8,hpo.stage0.spend=trials,hpo.stage0.epochs=3,hpo.stage0.patience=5,hpo.stage0.seed=0",
        "kedro run --env meadow --pipeline hpo_stage2 --params "
        f"{more},hpo.stage2.n_trials=50,hpo.stage2.spend=trials,hpo.stage2.epochs=15,hpo.stage2.patience=15,hpo.stage2.seed=0",
        f"kedro run --env meadow --pipeline refit --params {more},hpo.refit.stage=stage2,"
        "hpo.refit.candidates=1,hpo.refit.n_seeds=2,hpo.refit.resplit=false",
        f"kedro run --env meadow --pipeline export --params {more}",
    ]


def of_two_seeds(summary: dict) -> dict:
    """A summary whose winner was trained for good with two seeds."""
    finals = [{"seed": seed, "test_value": value, "test_metrics": {}} for seed, value in ((11, 0.5), (23, 0.61))]
    mean = {"value": 0.555, "low": 0.41, "high": 0.66}
    spread = [{"metric": "macro_f1", "values": [0.5, 0.61], "mean": mean, "standard_deviation": 0.0778}]
    return {**summary, "finals": finals, "spread": spread}


def test_the_spread_over_seeds_stands_beside_the_model_that_was_named_beforehand(trained):
    made = trained("share")
    card = model_card(made.facts(summary=of_two_seeds(made.summary)), made.model, {})
    assert rows(card, "### Other seeds") == {"macro-F1 of criteria": ["0.555 [0.410, 0.660]", "0.078", "0.500", "0.610"]}
    assert "| Figure | mean [95 % interval] | SD | seed 11 | seed 23 |" in card
    assert "with the seeds 11, 23, and each model was tested once. The model handed over is that of the first seed, 11." in card
    assert "It was named before any of them was tested, so test chose nothing." in card
    assert "test was predicted once by each final model." in card
    alone = model_card(made.facts(), made.model, {})
    assert "One model was trained on train + validation and tested, with the seed 11" in alone and "test was predicted once." in alone


def test_the_card_of_an_ensemble_says_that_the_spread_is_not_the_ensembles(together, trained):
    folder, facts = together
    summary = of_two_seeds(facts.summary.model_dump(mode="json"))
    card = model_card(trained("share").facts(summary=summary), folder, {})
    assert "The winner alone is that of the first seed, 11." in card and "The other figures of this card are those of the ensemble." in card


def test_the_card_says_what_the_search_gained(trained):
    made = trained("criteria")
    untuned = {
        "params": made.summary["params"], "study": "a", "final_study": "b", "is_winner": False, "mean": 0.4, "epochs": 2,
        "test_value": 0.4321, "test_metrics": {},
    }  # fmt: skip
    card = model_card(made.facts(summary={**made.summary, "untuned": untuned}), made.model, {})
    assert "the parameters of the search's first trial have 0.4321 on test: the difference is what the search gained." in card
    card = model_card(made.facts(summary={**made.summary, "untuned": {**untuned, "is_winner": True}}), made.model, {})
    assert "The winner has the parameters of the search's first trial: the search gained nothing." in card and "0.4321" not in card


def test_a_refit_with_resplits_and_halving_is_described_and_can_be_repeated(trained):
    made = trained("criteria")
    facts = made.facts(summary={**made.summary, "resplit": True, "folds": 2, "halving": [1, 1]})
    card = model_card(facts, made.model, {})
    assert "Each seed held out another of 2 parts of train + validation, trained on the rest" in card
    assert "highest mean of the objective on the held-out parts" in card
    assert "on validation" not in card.split("## Training", 1)[1].split("##", 1)[0]
    assert "highest mean of the objective on validation" in model_card(made.facts(), made.model, {})
    refit = reproduction_commands(facts.summary, (), CONFIG, "unknown")[-2]
    assert refit.endswith("hpo.refit.n_seeds=2,hpo.refit.halving=1-1,hpo.refit.resplit=true")


def test_no_path_of_this_machine_is_in_the_card(card_of, trained):
    encoder = trained("criteria").summary["hyperparameters"]["encoder"]
    assert encoder.startswith("/") and encoder not in card_of("criteria")[0]


def test_an_export_of_another_corpus_or_without_a_refit_is_refused(trained):
    made = trained("criteria")
    with pytest.raises(UserError, match="no refit of criteria.*run the pipeline refit first"):
        made.facts(summary=None)
    with pytest.raises(UserError, match="another corpus or other splits"):
        made.facts(summary={**made.summary, "data_hash": "0"})
    other = made.predictions.assign(predicted=~made.predictions["predicted"])
    with pytest.raises(UserError, match="files are of two refits"):
        made.facts(predictions=other)


def test_cells_of_tables_hold_their_column():
    assert table(("a", "b"), [("x|y\nz", 1234), ("", None)]) == "| a | b |\n| --- | ---: |\n| x\\|y z | 1,234 |\n|  | – |"
    assert cell(0.12345) == "0.1235"
