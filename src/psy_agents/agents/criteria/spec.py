"""The criteria agent decides whether a post meets the criterion."""

from psy_agents.agents.spec import HEAD_OPTIONS, AgentSpec

SPEC = AgentSpec(
    order=1,
    summary="whether a post meets each criterion",
    predicts_criterion=True,
    predicts_evidence=False,
    encoders=("encoder",),
    model_options=HEAD_OPTIONS | {"pooling", "similarity"},
    reads_sentences=True,
)
