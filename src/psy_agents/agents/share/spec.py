"""The share agent predicts decision and evidence with one encoder."""

from psy_agents.agents.spec import HEAD_OPTIONS, AgentSpec

SPEC = AgentSpec(
    order=3,
    summary="whether a post meets each criterion, and which spans show it, from one encoder",
    predicts_criterion=True,
    predicts_evidence=True,
    encoders=("encoder",),
    model_options=HEAD_OPTIONS | {"pooling", "similarity"},
)
