"""The joint agent predicts decision and evidence with two encoders; the first informs the second."""

from psy_agents.agents.spec import HEAD_OPTIONS, AgentSpec

SPEC = AgentSpec(
    order=4,
    summary="whether a post meets each criterion, and which spans show it, from two encoders of which one informs the other",
    predicts_criterion=True,
    predicts_evidence=True,
    encoders=("criteria_encoder", "evidence_encoder"),
    model_options=HEAD_OPTIONS | {"pooling", "similarity", "fusion"},
)
