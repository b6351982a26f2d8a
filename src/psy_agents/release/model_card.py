"""The model card in the Hugging Face format: a YAML header for the hub, then Markdown.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). Every score is computed from the saved
predictions. The card names what is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psy_agents.agents.config import BUNDLED_ENCODER
from psy_agents.agents.encoders.licences import NON_COMMERCIAL, NOT_STATED
from psy_agents.agents.registry import spec
from psy_agents.agents.saved.base import has_adapters
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, OBJECTIVES, SUMMARY, TITLES
from psy_agents.evaluation.results import Evaluation
from psy_agents.files.checksums import checksum, file_names
from psy_agents.release.export_format import FOLDER_PLACEHOLDER, FormatResult
from psy_agents.release.facts import ReleaseFacts
from psy_agents.release.files import CARD, STATEMENT, EncoderLicence, encoder_licences
from psy_agents.release.known_failures import failures_section
from psy_agents.release.markdown import bullets, code, render_markdown
from psy_agents.release.reproduce import reproduction_commands
from psy_agents.reporting.tables import agents_then_baselines, class_rows, estimate_text, p_text, summary_estimates, verdict

TASKS = {"criteria": "text-classification", "evidence": "token-classification"}
"""The Hub's task of each side."""


def model_card(facts: ReleaseFacts, folder: Path, exported: Mapping[str, FormatResult]) -> str:
    """The text of the model card.

    Args:
        folder: the exported folder with all other files.
        exported: file name of each export format -> its result.
    """
    summary, evaluation = facts.summary, facts.evaluation
    baseline_heads, baseline_rows = _baseline_table(facts)
    seeds = [each.seed for each in summary.finals]
    return render_markdown(
        "model_card.md",
        facts=facts,
        header=_header(facts),
        title=_title(facts),
        spec=spec(summary.agent),
        corpus=facts.config.corpus,
        statement_file=STATEMENT,
        folder_name=FOLDER_PLACEHOLDER,
        ensemble=summary.ensemble,
        winner=summary.candidates[summary.winner - 1],
        selection=facts.report.selections[0],
        exported=list(exported.values()),
        split_rows=[(name, each.posts, each.pairs, each.positives) for name, each in facts.quality.splits.items()],
        figure_rows=[(SUMMARY[name].card_title, each) for name, each in _card_estimates(evaluation).items()],
        seeds=seeds,
        spread_heads=("Figure", "mean [95 % interval]", "SD", *(f"seed {seed}" for seed in seeds)),
        spread_rows=[
            (SUMMARY[each.metric].card_title, each.mean, *map(_shown, (each.standard_deviation, *each.values)))
            for each in facts.report.final_models
        ],
        criterion_heads=(
            "Criterion",
            "positive in training",
            "positive on test",
            "predicted",
            *(metric.title for metric in CLASS_METRICS.values()),
        ),
        criterion_rows=_criterion_rows(facts),
        baseline_heads=baseline_heads,
        baseline_rows=baseline_rows,
        comparison_rows=[
            (
                each.second, TITLES[each.metric], each.difference, p_text(each.p_holm), verdict(each),
                _shown(each.detectable),
            )
            for each in facts.report.comparisons
            if each.with_baseline
        ],
        failures=failures_section(facts.report, evaluation, facts.config.corpus_description.safety_critical),
        cost_rows=[(each.stage, code(each.study), each.trials, each.epochs, f"{each.training_hours:.2f}") for each in facts.report.stages],
        hyperparameters={**summary.hyperparameters, "encoder": facts.encoder},
        training_settings=_training_settings(facts),
        licences=licences_section(facts, folder),
        described_files=[file for file, result in exported.items() if result.written],
        file_rows=[
            (code(name), (folder / name).stat().st_size, code(checksum(folder / name))) for name in file_names(folder) if name != CARD
        ],
        commands=reproduction_commands(summary, facts.searched, facts.config, facts.git_commit),
        bundled_encoder=facts.encoder == BUNDLED_ENCODER,
        adapters=has_adapters(folder),
    )


def _shown(value: float | None) -> str | None:
    return None if value is None else estimate_text(value)


def _title(facts: ReleaseFacts) -> str:
    return f"psy_agents {facts.summary.agent} on {facts.config.corpus}"


def _header(facts: ReleaseFacts) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    estimates = {name: each for name, each in _card_estimates(facts.evaluation).items() if SUMMARY[name].metric.hub_type}
    results = [
        EvalResult(
            task_type=TASKS[SUMMARY[name].metric.side],
            dataset_type=facts.config.corpus,
            dataset_name=facts.config.corpus,
            dataset_split="test",
            dataset_revision=facts.summary.data_hash,
            metric_type=SUMMARY[name].metric.hub_type,
            metric_name=SUMMARY[name].card_title,
            metric_value=round(estimate.value, 6),
        )
        for name, estimate in estimates.items()
    ]
    data = ModelCardData(
        model_name=_title(facts),
        language=list(facts.config.corpus_description.languages) or None,
        license=facts.config.licence,
        base_model=facts.encoder if facts.on_hub else None,
        library_name="psy_agents",
        tags=["psy_agents", facts.summary.agent, "not-a-medical-device"],
        metrics=sorted({SUMMARY[name].metric.hub_type for name in estimates}),
        eval_results=results,
    )
    return data.to_yaml()


def _card_estimates(evaluation: Evaluation) -> dict:
    """As `summary_estimates`. Criterion metrics are left out for an agent that predicts only spans."""
    sides = ("evidence",) if evaluation.criterion.derived else ("criteria", "evidence")
    return {name: each for name, each in summary_estimates(evaluation).items() if SUMMARY[name].metric.side in sides}


def _criterion_rows(facts: ReleaseFacts) -> list[tuple[object, ...]]:
    training = {name: sum(each.positives[split] for split in ("train", "validation")) for name, each in facts.quality.criteria.items()}
    return [
        (code(name), training.get(name), scores.support, scores.predicted, *map(scores.estimate, CLASS_METRICS))
        for _, name, scores in class_rows(facts.evaluation)
    ]


def _baseline_table(facts: ReleaseFacts) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Heads and rows of the table that compares the agent with the baselines."""
    names = [name for name in OBJECTIVES.values() if name in _card_estimates(facts.evaluation)]
    rows = []
    for each in agents_then_baselines(facts.report):
        estimates = _card_estimates(each) if each.kind == "agent" else summary_estimates(each)
        if any(name in estimates for name in names):
            rows.append((each.name, *(estimates.get(name) for name in names)))
    return ("System", *(SUMMARY[name].card_title for name in names)), rows


def _training_settings(facts: ReleaseFacts) -> dict[str, Any] | None:
    """The settings of all trials, without the path of a local encoder. None if they have changed since the refit."""
    if facts.training is None:
        return None
    settings = facts.training.model_dump(mode="json")
    if "encoder" in settings["fixed"]:
        settings["fixed"]["encoder"] = facts.encoder
    return settings


def licences_section(facts: ReleaseFacts, folder: Path) -> str:
    """Licences of the encoder, or of the encoder of each member of an ensemble, and of the weights."""
    lines = [_encoder_licence(each) for each in encoder_licences(folder)]
    if facts.config.licence is None:
        weights = "Weights: no licence has been chosen, so only their makers have a right to use them."
    else:
        weights = f"Weights: {facts.config.licence}, within what the encoder's licence and the data agreement allow."
    return bullets([*lines, weights])


def _encoder_licence(encoder: EncoderLicence) -> str:
    name, licence = encoder.name, encoder.licence
    if licence == NOT_STATED:
        return f"Encoder {code(name)}: its folder states no licence. Find out before you pass the weights on."
    if NON_COMMERCIAL.search(licence):
        return f"Encoder {code(name)}: {licence}. **It allows no commercial use, and these weights are derived from the encoder.**"
    return f"Encoder {code(name)}: {licence}."
