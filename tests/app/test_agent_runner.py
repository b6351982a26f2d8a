from __future__ import annotations

import logging

import mlflow
import pytest
from kedro.io import DataCatalog
from kedro.io import MemoryDataset as Memory
from kedro.pipeline import Pipeline, node

from psy_agents.app.agent_runner import AgentRunner, split_by_agent
from psy_agents.app.parallel_agents import Command
from psy_agents.errors import UserError
from psy_agents.pipelines.tags import agent_tag

AGENTS = ("criteria", "evidence", "share", "joint")


class Work:
    """Nodes that note that they have run, and fail on request."""

    def __init__(self, **failing: BaseException) -> None:
        self.failing = failing
        self.ran: list[str] = []

    def node(self, name, inputs, output, agent=None):
        def do(*_):
            self.ran.append(name)
            if name in self.failing:
                raise self.failing[name]
            return name

        return node(do, inputs=inputs, outputs=output, name=name, namespace=agent, tags=None if agent is None else agent_tag(agent))

    def pipeline(self, agents=AGENTS):
        """Something shared, two steps of each agent, and a report of all with a page of it."""
        nodes = [self.node("shared", "raw", "corpus")]
        for agent in agents:
            nodes += [
                self.node(f"{agent}_search", "corpus", f"{agent}.topk", agent),
                self.node(f"{agent}_refit", f"{agent}.topk", f"{agent}.model", agent),
            ]
        nodes += [
            self.node("report", [f"{agent}.model" for agent in agents], "numbers"),
            self.node("page", "numbers", "shown"),
        ]
        return Pipeline(nodes)

    def run(self, agents=AGENTS, runner=None):
        pipeline = self.pipeline(agents)
        # Models of an earlier run are there, as files are: the report reads them where an agent fails.
        made = {name: Memory("earlier") for name in pipeline.datasets()}
        (runner or AgentRunner()).run(pipeline, DataCatalog({**made, "raw": Memory("raw")}))


def names(nodes):
    return [each.name.rpartition(".")[2] for each in nodes]


def test_the_order_is_what_is_shared_then_agent_after_agent_then_what_reads_them():
    before, by_agent, after = split_by_agent(Work().pipeline(tuple(reversed(AGENTS))))
    assert names(before) == ["shared"]
    assert list(by_agent) == list(AGENTS)
    assert {agent: names(nodes) for agent, nodes in by_agent.items()} == {a: [f"{a}_search", f"{a}_refit"] for a in AGENTS}
    assert names(after) == ["report", "page"]


def test_a_node_that_reads_no_agents_result_is_no_last_one():
    work = Work()
    extra = work.node("baselines", "corpus", "baselines")
    before, _, after = split_by_agent(work.pipeline() + Pipeline([extra]))
    assert set(names(before)) == {"shared", "baselines"}
    assert names(after) == ["report", "page"]


def test_each_agent_is_run_to_its_end_before_the_next_begins():
    work = Work()
    work.run()
    steps = [f"{agent}_{step}" for agent in AGENTS for step in ("search", "refit")]
    assert work.ran == ["shared", *steps, "report", "page"]


def test_one_agents_failure_stops_its_own_steps_alone_and_the_report_is_made(caplog):
    work = Work(evidence_search=UserError("the disk is full."))
    with caplog.at_level(logging.INFO, logger="psy_agents"), pytest.raises(UserError) as caught:
        work.run()
    assert "evidence_refit" not in work.ran
    assert work.ran[-6:] == ["share_search", "share_refit", "joint_search", "joint_refit", "report", "page"]
    assert str(caught.value).startswith(
        "1 of 4 agents failed (evidence: the disk is full.); finished: criteria, share, joint. The same command continues"
    )
    closing = caplog.messages[-1]
    assert closing.startswith("3 of 4 agents finished, 1 failed: criteria finished in 0:00:0")
    assert "; evidence failed: the disk is full.; share finished in " in closing


def test_where_all_agents_and_the_report_fail_the_last_line_names_the_agents():
    failing = {f"{agent}_refit": UserError(f"no {agent}.") for agent in AGENTS}
    work = Work(report=UserError("there is nothing to report."), **failing)
    with pytest.raises(UserError, match=r"4 of 4 agents failed \(criteria: no criteria.*joint: no joint\.\); finished: none"):
        work.run()
    assert "page" not in work.ran


def test_the_reports_own_error_is_raised_where_no_agent_failed():
    with pytest.raises(UserError, match="^there is nothing to report"):
        Work(report=UserError("there is nothing to report.")).run()


def test_a_program_error_is_shown_without_its_message_unless_requested(monkeypatch, caplog):
    with pytest.raises(UserError, match="share: ValueError at .*its message is withheld") as caught:
        Work(share_refit=ValueError("a canary of a post")).run()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("psy_agents")]
    assert len(ours) == 2 and "canary" not in str(caught.value) + "".join(ours)  # Kedro's own lines the session drops.
    monkeypatch.setenv("PSY_AGENTS_SHOW_ERRORS", "1")
    with pytest.raises(UserError, match="share: a canary of a post"):
        Work(share_refit=ValueError("a canary of a post")).run()


def test_an_interrupt_stops_all_agents():
    work = Work(evidence_search=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        work.run()
    assert work.ran == ["shared", "criteria_search", "criteria_refit", "evidence_search"]


def test_a_failure_before_the_agents_stops_them_all():
    work = Work(shared=UserError("the corpus is damaged."))
    with pytest.raises(UserError, match="^the corpus is damaged"):
        work.run()
    assert work.ran == ["shared"]


def test_a_single_agents_error_is_its_own():
    work = Work(joint_search=UserError("the disk is full."))
    with pytest.raises(UserError, match=r"^the disk is full\.$"):
        work.run(("joint",))
    assert work.ran == ["shared", "joint_search"]


def test_kedro_logs_no_more_than_with_its_own_runner():
    assert AgentRunner()._logger.name.startswith("kedro.")


def test_runs_of_agents_whose_processes_were_killed_are_ended(tmp_path, monkeypatch):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client = mlflow.MlflowClient()
    left = []

    def all_killed(jobs, at_once, interrupt):
        left.extend(client.create_run("0", tags={"mlflow.parentRunId": job.mlflow_run}).info.run_id for job in jobs)
        return {}, {job.agent: "its process was ended by SIGKILL." for job in jobs}

    monkeypatch.setattr("psy_agents.app.agent_runner.run_agents", all_killed)
    runner = AgentRunner(at_once=2, command=Command(tmp_path, None, "conf", {}, ("full_hpo_all",)))
    try:
        with mlflow.start_run(experiment_id="0"), pytest.raises(UserError, match="4 of 4 agents failed"):
            Work().run(runner=runner)
        assert [client.get_run(each).info.status for each in left] == ["FAILED"] * 4
    finally:
        mlflow.set_tracking_uri(None)


def test_it_is_shown_by_its_name():
    assert str(AgentRunner(at_once=2)) == "AgentRunner", "MLflow shows what Kedro records, else an address in memory"
