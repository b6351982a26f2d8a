"""Tables hold every figure of the report with its interval, and nothing that a system does not have."""

import math

import pandas as pd
import pytest

from psy_agents.reporting.report_page.training import seeds_section
from psy_agents.reporting.tables import (
    averages_table,
    backbones_table,
    comparisons_table,
    criteria_table,
    ensembles_table,
    errors_table,
    estimate_text,
    evidence_table,
    final_models_table,
    gains_table,
    p_text,
    seeds_table,
    selection_table,
    stages_table,
    summary_table,
    thresholds_table,
)

ORDER = ["criteria", "evidence", "share", "joint", "all_positive", "majority", "tfidf_logistic", "whole_post",
         "first_sentence", "tfidf_logistic_sentence"]  # fmt: skip


def estimates(table, *keys):
    """Value and interval by the key columns; each key stands once."""
    rows = {tuple(row[key] for key in keys): (row["value"], row["low"], row["high"]) for row in table.to_dict("records")}
    assert len(rows) == len(table)
    return rows


def numbers(estimate):
    return estimate.value, estimate.low, estimate.high


def test_each_class_of_each_system_has_its_figures(report):
    found = estimates(criteria_table(report), "system", "class", "metric")
    expected = {}
    for evaluation in report.evaluations:
        if (side := evaluation.criterion) is None:
            continue
        for name, scores in {**side.per_criterion, "NO_SYMPTOMS": side.no_symptoms, "macro": side.macro, "micro": side.micro}.items():
            for metric in ("precision", "recall", "f1", "auprc"):
                if getattr(scores, metric) is not None:
                    expected[evaluation.name, name, metric] = numbers(getattr(scores, metric))
    assert found == expected
    assert ("evidence", "macro", "auprc") not in found
    assert ("evidence", "macro", "f1") in found


def test_each_encoder_has_a_row_beside_what_it_costs(report):
    table = backbones_table(report)
    assert table[["encoder", "best", "parameters"]].values.tolist() == [["bert-base", 0.64, 110_000_000], ["minilm", 0.6, 22_700_000]]
    assert table["ms_per_post"].tolist()[0] == 41.25 and math.isnan(table["ms_per_post"][1])
    assert backbones_table(report.model_copy(update={"backbones": ()})).empty


def test_averages_with_no_symptoms_have_a_row_for_each_system_and_average(report):
    table = averages_table(report).set_index(["system", "average"])
    assert len(table) == 7 * 4
    samples = next(each.criterion for each in report.evaluations if each.name == "joint").averages["samples"]
    assert table.loc[("joint", "samples"), ["precision", "recall", "f1"]].tolist() == [samples.precision, samples.recall, samples.f1]


def test_agents_come_first_and_criteria_before_no_symptoms_and_means(report):
    table = criteria_table(report)
    assert list(table["system"].unique()) == ORDER[:7]
    assert list(table["part"].unique()) == ["criterion", "no_symptoms", "macro", "micro"]
    assert list(summary_table(report)["system"].unique()) == ORDER
    support = table[(table["system"] == "share") & (table["metric"] == "f1")].set_index("class")["support"]
    assert (support["PSYCHOMOTOR"], support["NO_SYMPTOMS"]) == (5, 59)


def test_a_criterion_named_macro_stays_apart_from_the_mean(report):
    side = report.evaluations[0].criterion
    renamed = side.model_copy(update={"per_criterion": {"macro": side.per_criterion["FATIGUE"]}})
    changed = report.model_copy(update={"evaluations": (report.evaluations[0].model_copy(update={"criterion": renamed}),)})
    table = criteria_table(changed)
    f1 = table[(table["class"] == "macro") & (table["metric"] == "f1")].set_index("part")["value"]
    assert f1.to_dict() == {"criterion": side.per_criterion["FATIGUE"].f1.value, "macro": side.macro.f1.value}


def test_the_summary_shows_both_sides_and_exact_matches_and_nothing_but_test(report):
    found = estimates(summary_table(report), "system", "metric")
    share = next(each for each in report.evaluations if each.name == "share")
    assert found["share", "exact_match"] == numbers(share.criterion.exact_match)
    assert found["share", "evidence_exact_match"] == numbers(share.evidence.scores["exact_match"])
    assert found["share", "ece"] == numbers(share.criterion.ece)
    assert found["share", "macro_auprc"] == numbers(share.criterion.macro.auprc)
    assert {metric for system, metric in found if system == "evidence"}.isdisjoint({"ece", "brier", "macro_auprc"})
    assert {metric for system, metric in found if system == "whole_post"} == {
        "token_f1", "sentence_f1", "character_iou", "evidence_exact_match", "has_answer_f1", "no_answer_accuracy",
    }  # fmt: skip
    assert not any("objective" in metric for _, metric in found)


def test_each_agent_has_its_value_in_the_search_confirmed_and_on_test_in_one_row(report):
    table = selection_table(report).set_index("agent")
    assert list(table.index) == ORDER[:4]
    values = table.loc["share", ["searched", "winner_searched", "confirmed", "other_seeds", "test"]]
    assert values.tolist() == [0.64, 0.63, 0.62, 0.59, 0.57]
    assert table.loc["share", ["search_gap", "confirmed_gap"]].tolist() == pytest.approx([0.07, 0.05])
    assert math.isnan(table.loc["joint", "other_seeds"])


def test_evidence_has_intervals_over_all_pairs_and_none_by_criterion(report):
    table = evidence_table(report)
    joint = next(each.evidence for each in report.evaluations if each.name == "joint")
    pooled = table[table["criterion"].isna()]
    assert estimates(pooled, "system", "metric")["joint", "token_precision"] == numbers(joint.scores["token_precision"])
    single = table[table["criterion"].notna()]
    assert single["low"].isna().all()
    chosen = single[(single["system"] == "joint") & (single["metric"] == "token_f1")].set_index("criterion")["value"]
    assert chosen.to_dict() == {name: figures["token_f1"] for name, figures in joint.per_criterion.items()}
    assert set(table["system"]) == {"evidence", "share", "joint", "whole_post", "first_sentence", "tfidf_logistic_sentence"}


def test_comparisons_seeds_and_stages_are_whole(report):
    assert estimates(comparisons_table(report), "metric", "first", "second") == {
        (each.metric, each.first, each.second): numbers(each.difference) for each in report.comparisons
    }
    assert comparisons_table(report)["p_holm"].tolist() == [each.p_holm for each in report.comparisons]
    assert seeds_table(report)["value"].tolist() == [value for each in report.seeds for value in each.values]
    stages = stages_table(report)
    assert (stages["complete"] + stages["pruned"] + stages["failed"] == stages["trials"]).all()
    assert stages.loc[1, "failures"] == "2 out of memory"


def test_each_value_of_a_seed_stands_beside_the_configured_seed(report):
    final = final_models_table(report).query("metric == 'macro_f1'")
    assert final[["seed", "value"]].values.tolist() == [[11, 0.5], [23, 0.61], [47, 0.55], ["mean", 0.5533]]
    of_share = next(each for each in report.seeds if each.agent == "share")
    shown = seeds_table(report).query("agent == 'share'")
    assert dict(zip(shown["seed"], shown["value"], strict=True)) == dict(zip([11, 23, 47, 83, 131], of_share.values, strict=True))


def test_one_seed_shows_no_deviation(report):
    """A deviation of 0 would say that training has no chance in it."""
    alone = {"values": [0.5], "seeds": [11], "standard_deviation": None}
    single = report.model_copy(
        update={
            "seeds": [each.model_copy(update=alone) for each in report.seeds],
            "final_models": [each.model_copy(update=alone) for each in report.final_models],
        }
    )
    for table in (seeds_table(single), final_models_table(single)):
        assert len(table) and table["standard_deviation"].isna().all()
    *_, shown = seeds_section(single).tables
    assert shown.columns[2] == "Deviation" and [row[2] for row in shown.rows] == [None] * len(single.final_models)


def test_choices_are_listed_with_their_gain_and_support(report):
    gained = estimates(gains_table(report).fillna({"criterion": ""}), "agent", "choice", "metric", "criterion")
    assert gained == {
        (each.agent, each.choice, each.metric, each.criterion or ""): numbers(each.difference) for each in report.gains
    }
    table = gains_table(report)
    assert (table["with"] - table["without"]).tolist() == pytest.approx(table["value"].tolist())
    chosen = thresholds_table(report).set_index(["agent", "criterion"])
    assert chosen.loc[("share", "WORTHLESSNESS"), ["threshold", "own", "validation_positives"]].tolist() == [0.55, True, 53]
    assert chosen.loc[("share", "PSYCHOMOTOR"), ["threshold", "own", "validation_positives"]].tolist() == [0.4, False, 5]
    assert set(chosen["temperature"]) == {1.7} and set(table["agent"]) == {"criteria", "share", "joint"}


def test_ensembles_stand_with_their_gain_and_both_costs(report):
    table = ensembles_table(report)
    assert table[["agent", "ensemble", "metric"]].values.tolist() == [
        ["share", "seeds", "macro_f1"], ["share", "seeds", "token_f1"], ["criteria", "top_k", "macro_f1"],
    ]  # fmt: skip
    assert set(table["members"]) == {5} and (table["train_seconds"] == 5 * table["train_seconds_single"]).all()
    assert table.loc[0, ["value", "low", "high", "p_value"]].tolist() == [0.021, -0.004, 0.05, 0.08] and table["detectable"].isna().all()
    assert table.loc[0, ["test_seconds_single", "parameters", "disk_bytes"]].tolist() == [2.04, 113_000_000, 455_000_000]


def test_error_rates_are_shares_of_the_pairs_that_can_be_wrong_so(report):
    table = errors_table(report).set_index(["system", "name"])
    hard = table.loc[("share", "explicit_negative")]
    assert hard["false_positive_rate"] == hard["false_positives"] / 61
    assert math.isnan(hard["false_negative_rate"])
    mood = table.loc[("share", "DEPRESSED_MOOD")]
    assert mood["false_positive_rate"] == mood["false_positives"] / (223 - 58)
    assert mood["false_negative_rate"] == mood["false_negatives"] / 58


def test_a_report_of_nothing_gives_tables_of_no_rows(report):
    parts = ("evaluations", "comparisons", "alarms", "decisions", "gains", "ensembles", "seeds", "selections", "stages")
    nothing = dict.fromkeys(parts, ())
    empty = report.model_copy(update=nothing)
    sides = (criteria_table, averages_table, summary_table, evidence_table, comparisons_table, errors_table, gains_table, thresholds_table)
    for make in (*sides, ensembles_table, selection_table, seeds_table, stages_table):
        assert len(make(empty)) == 0
        assert list(make(empty).columns) == list(make(report).columns)


def test_files_of_the_tables_keep_every_digit(report, tmp_path):
    summary_table(report).to_csv(tmp_path / "summary.csv", index=False)
    read = pd.read_csv(tmp_path / "summary.csv", float_precision="round_trip")
    assert read["value"].tolist() == summary_table(report)["value"].tolist()


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        ((0.4118, 0.3511, 0.4702), "0.412 [0.351, 0.470]"),
        ((0.5, None, None), "0.500"),
        ((-0.0004, -0.1, 0.00001), "0.000 [-0.100, 0.000]"),
        ((1.0, math.nan, math.nan), "1.000"),
    ],
)
def test_figures_are_written_with_three_decimals(figure, text):
    assert estimate_text(*figure) == text


@pytest.mark.parametrize(("p", "text"), [(0.0131, "0.013"), (0.00099, "<0.001"), (0.001, "0.001"), (1.0, "1.000")])
def test_p_values_are_never_written_as_zero(p, text):
    assert p_text(p) == text
