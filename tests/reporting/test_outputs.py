"""What the report pipeline writes and logs."""

from support.reporting.metric_names import raw_metric_names

from psy_agents.agents.registry import AGENTS
from psy_agents.reporting.latex import comparisons_latex
from psy_agents.reporting.outputs import report_outputs
from psy_agents.reporting.report_page.page import alarms, headline
from psy_agents.reporting.report_page.results import comparisons_section


def test_metrics_have_their_titles_on_the_page_in_the_log_and_in_latex(report, tmp_path, caplog):
    caplog.set_level("INFO")
    shown = report_outputs(report.model_copy(update={"missing": AGENTS}), f"sqlite:///{tmp_path}/studies.db", {})
    assert raw_metric_names("macro_f1 and evidence\\_exact\\_match") == {"macro_f1", "evidence_exact_match"}
    assert raw_metric_names(shown["page"]) == raw_metric_names(shown["latex"]) == raw_metric_names(caplog.text) == set()
    assert caplog.messages == [*(f"ALARM: {sentence}" for sentence in alarms(report)), *headline(report)], "those of the page"
    assert "in macro-F1" in caplog.messages[0]


def test_systems_with_the_same_answers_are_named_on_the_page_and_in_latex(report):
    """An interval alone would leave a reader to wonder why it is so wide."""
    alarm, *others = report.alarms
    same = report.model_copy(
        update={
            "alarms": (alarm.model_copy(update={"same_answers": True}), *others),
            "comparisons": tuple(
                each.model_copy(update={"same_answers": (each.first, each.second) == (alarm.agent, alarm.baseline)})
                for each in report.comparisons
            ),
        }
    )
    assert f"{alarm.baseline} (the same answers on every pair; difference" in alarms(same)[0]
    rows = [row for details in comparisons_section(same).details for row in details.tables[0].rows]
    assert {row[0] for row in rows if row[4] == "the same on every pair"} == {f"{alarm.agent} − {alarm.baseline}"}
    assert r"$^\dagger$ the same answers on every pair." in comparisons_latex(same) and r"\dagger" not in comparisons_latex(report)
