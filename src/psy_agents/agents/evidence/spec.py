"""The evidence agent finds the spans of a post that show the criterion, or none."""

from psy_agents.agents.spec import HEAD_OPTIONS, AgentSpec

SPEC = AgentSpec(
    order=2,
    summary="which spans of a post show each criterion, or that none does",
    predicts_criterion=False,
    predicts_evidence=True,
    encoders=("encoder",),
    model_options=HEAD_OPTIONS | {"similarity"},
)
