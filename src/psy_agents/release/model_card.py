"""The model card, in the Hugging Face format: a header that the hub reads, then what people read.

Sections follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). Every figure is computed from the saved
predictions; what is not known is said to be unknown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from psy_agents.agents.config import BUNDLED_ENCODER
from psy_agents.agents.encoders.licences import NON_COMMERCIAL, NOT_STATED
from psy_agents.agents.registry import spec
from psy_agents.evaluation.metrics.registry import CLASS_METRICS, OBJECTIVES, SUMMARY
from psy_agents.evaluation.results import Evaluation
from psy_agents.files.checksums import checksum, file_names
from psy_agents.hpo.refit.ensemble import EnsembleSummary
from psy_agents.release.config import ExportConfig
from psy_agents.release.export_format import HERE, Exported
from psy_agents.release.facts import Facts
from psy_agents.release.files import CARD, STATEMENT, EncoderUsed, encoders_used
from psy_agents.release.known_failures import failures_section
from psy_agents.release.markdown import bullets, cell, code, fenced, table
from psy_agents.release.reproduce import commands
from psy_agents.reporting.tables import classes, ordered, summary_figures

TASKS = {"criteria": "text-classification", "evidence": "token-classification"}
"""The Hub's task of each side."""
NO_FORMAT = "No further format was asked for (`export.formats`)."
SECTION = "## "


def model_card(facts: Facts, folder: Path, exported: Mapping[str, Exported]) -> str:
    """The whole card.

    Args:
        folder: the exported folder with every other file in it.
        exported: results of the export formats by the names of their files.
    """
    sections = {
        "What it is for": _use(facts),
        "How to use it": _how(facts, list(exported.values())),
        "Training data": _data(facts),
        "Figures on test": _figures(facts),
        "Known failures": failures_section(facts.report, facts.evaluation, facts.config.facts.safety_critical),
        "Training": _training(facts),
        "Licences": licences(facts, folder),
        "Files": _files(folder, exported),
        "Reproduce it": _reproduce(facts),
    }
    body = "\n\n".join(f"{SECTION}{title}\n\n{text}" for title, text in sections.items())
    agent = facts.summary.agent
    lead = f"Reads a text and says {spec(agent).summary}. Made with psy_agents from the corpus {code(facts.config.corpus)}."
    return f"---\n{_header(facts)}\n---\n\n# {_title(facts)}\n\n{lead}\n\n{body}\n"


def _title(facts: Facts) -> str:
    return f"psy_agents {facts.summary.agent} on {facts.config.corpus}"


def _header(facts: Facts) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    figures = {name: each for name, each in _shown_figures(facts.evaluation).items() if SUMMARY[name].metric.hub_type}
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
        for name, estimate in figures.items()
    ]
    data = ModelCardData(
        model_name=_title(facts),
        language=list(facts.config.facts.languages) or None,
        license=facts.config.licence,
        base_model=facts.encoder if facts.on_hub else None,
        library_name="psy_agents",
        tags=["psy_agents", facts.summary.agent, "not-a-medical-device"],
        metrics=sorted({SUMMARY[name].metric.hub_type for name in figures}),
        eval_results=results,
    )
    return data.to_yaml()


def _shown_figures(evaluation: Evaluation) -> dict:
    """As `summary_figures`, without the metrics of criteria of an agent that predicts spans only."""
    shown = ("evidence",) if evaluation.criterion.derived else ("criteria", "evidence")
    return {name: each for name, each in summary_figures(evaluation).items() if SUMMARY[name].metric.side in shown}


def _use(facts: Facts) -> str:
    return "\n\n".join(
        [
            "A research instrument: to study how well such models find what annotators marked, to compare models, and to pre-sort texts "
            "that people then read.",
            "**It is not a diagnostic device.** It says which criteria a text seems to show to annotators of this corpus, not whether "
            "somebody is ill or in danger. Do not use it to diagnose, to triage, to decide on treatment, insurance, work or moderation, "
            "to watch people, or on texts whose writers have not agreed to it.",
            "It has been scored on texts of its own corpus only. Other languages, platforms, people and times are outside of what "
            f"was measured; see [{STATEMENT}]({STATEMENT}).",
        ]
    )


def _how(facts: Facts, exported: Sequence[Exported]) -> str:
    encoder = spec(facts.summary.agent).encoders[-1]
    several = facts.summary.ensemble
    place = HERE if several is None else f"{HERE}/member_1"
    whole = ["import psy_agents", "", f'agent = psy_agents.load("{HERE}")', 'agent.predict(["Text of a post."])']
    parts = [
        "from transformers import AutoModel, AutoTokenizer",
        "",
        f'tokenizer = AutoTokenizer.from_pretrained("{place}")',
        f'encoder = AutoModel.from_pretrained("{place}/{encoder}")',
    ]
    return "\n\n".join(
        [
            "The whole agent, with the package that made it: for each text and criterion the probability, the decision, and the evidence "
            "as character offsets, as far as this agent predicts them.",
            fenced(whole, "python"),
            *(
                []
                if several is None
                else [
                    f"It is an ensemble: {len(several.members)} agents answer together, and each folder `member_…` is "
                    "an agent that opens alone in the same way."
                ]
            ),
            f"Tokenizer and encoder alone, without the heads{'' if several is None else ', of the first member'}:",
            fenced(parts, "python"),
            "Read `last_hidden_state`: no agent uses a pooler, so none is saved, and transformers draws one at random where the family has "
            "one. Weights are safetensors only; nothing is unpickled.",
            *([each.text for each in exported] or [NO_FORMAT]),
        ]
    )


def _data(facts: Facts) -> str:
    quality, splits = facts.quality, facts.quality.splits
    about = facts.config.facts
    rows = [(name, each.posts, each.pairs, each.positives) for name, each in splits.items()]
    return "\n\n".join(
        [
            agreement_sentence(facts.config),
            f"Origin of the labels: {about.labels or 'not known: the configuration says nothing of it.'}",
            table(("Split", "posts", "(post, criterion) pairs", "positive pairs"), rows),
            f"The model was trained on train and validation together; test was predicted once. {_account(quality.account.pairs.origins)} "
            f"Hash of the corpus and its splits: {code(facts.summary.data_hash)}.",
        ]
    )


def agreement_sentence(config: ExportConfig) -> str:
    """Under which agreement the training data stand, and what that means for the weights."""
    if config.agreement is None:
        return "The corpus' configuration names no data agreement."
    return (
        f"The corpus may be used only by those who have signed the [{config.agreement.name}]({config.agreement.url}). **The agreement "
        f"may forbid to share models trained on the corpus**, since weights can memorise texts and give them back: read it before you "
        f"pass these files on."
    )


def _account(origins: Mapping[str, int]) -> str:
    told = ", ".join(f"{count:,} {origin.replace('_', ' ')}" for origin, count in origins.items())
    return f"Pairs by origin: {told}; an implicit negative has no annotation at all."


def _figures(facts: Facts) -> str:
    evaluation, report = facts.evaluation, facts.report
    heads = ("Figure", "value [95 % interval]")
    parts = [
        f"{report.posts:,} posts, {report.pairs:,} pairs. Intervals are percentiles of {report.resamples:,} resamples of whole posts.",
        table(heads, ((name, estimate) for name, estimate in _shown_figures(evaluation).items())),
        "### By criterion",
    ]
    if evaluation.criterion.derived:
        parts.append("This agent predicts spans only; here a criterion with a span counts as met.")
    training = {name: sum(each.positives[split] for split in ("train", "validation")) for name, each in facts.quality.criteria.items()}
    rows = [
        (code(name), training.get(name), scores.support, scores.predicted, *map(scores.estimate, CLASS_METRICS))
        for _, name, scores in classes(evaluation)
    ]
    heads = ("Criterion", "positive in training", "positive on test", "predicted", *(metric.title for metric in CLASS_METRICS.values()))
    parts += [table(heads, rows), "### Beside simple rules", _baselines(facts)]
    return "\n\n".join(parts)


def _baselines(facts: Facts) -> str:
    names = [name for name in OBJECTIVES.values() if name in _shown_figures(facts.evaluation)]
    rows = []
    for each in ordered(facts.report):
        figures = _shown_figures(each) if each.kind == "agent" else summary_figures(each)
        if any(name in figures for name in names):
            rows.append((each.name, *(figures.get(name) for name in names)))
    return table(("System", *(SUMMARY[name].card_title for name in names)), rows)


def _training(facts: Facts) -> str:
    summary = facts.summary
    winner = summary.candidates[summary.winner - 1]
    shown = {**summary.hyperparameters, "encoder": facts.encoder}
    costs = [(each.stage, code(each.study), each.trials, each.epochs, f"{each.training_hours:.2f}") for each in facts.report.stages]
    parts = [
        f"Candidates: the best {len(summary.candidates)} trials of {code(summary.from_study)}, each over the seeds "
        f"{', '.join(map(str, summary.seeds))}. The winner, trial {winner.trial}, reached {winner.mean:.4f} (standard deviation "
        f"{winner.standard_deviation:.4f}) in the objective on validation, and was trained on train + validation for "
        f"{summary.epochs} epoch{'s' * (summary.epochs > 1)} with seed {summary.seed}. Decision threshold {summary.threshold:.4f}, "
        "chosen on validation.",
        *_ensemble(summary.ensemble),
        table(("Study of the search", "name", "trials", "epochs", "hours of training"), costs),
        "Hyper-parameters:",
        fenced([json.dumps(shown, indent=1, ensure_ascii=False)], "json"),
    ]
    if facts.training is not None:
        settings = facts.training.model_dump(mode="json")
        settings["fixed"] = {**settings["fixed"], **({"encoder": facts.encoder} if "encoder" in settings["fixed"] else {})}
        parts += ["Training settings of all trials:", fenced([json.dumps(settings, indent=1, ensure_ascii=False)], "json")]
    else:
        parts.append("The configuration's training settings have been changed since the refit; only its hyper-parameters are shown.")
    return "\n\n".join(parts)


def _ensemble(several: EnsembleSummary | None) -> list[str]:
    if several is None:
        return []
    members = "; ".join(
        f"candidate {each.rank} with seed {each.seed}, {each.epochs} epoch{'s' * (each.epochs > 1)}" for each in several.members
    )
    gains = ", ".join(f"{each.metric} {cell(each.difference)}" for each in several.gain)
    return [
        f"That winner is the first of {len(several.members)} members that were trained so: {members}. The threshold above and all figures "
        f"on test are those of all members together. Against the winner alone they bought on test: {gains}."
    ]


def licences(facts: Facts, folder: Path) -> str:
    """Of the encoder, or of each that a member of an ensemble is made from, and of the weights."""
    lines = [_encoder_licence(each) for each in encoders_used(folder)]
    if facts.config.licence is None:
        weights = "Weights: no licence has been chosen, so nobody but their makers has a right to use them."
    else:
        weights = f"Weights: {facts.config.licence}, within what the encoder's licence and the data agreement allow."
    return bullets([*lines, weights])


def _encoder_licence(encoder: EncoderUsed) -> str:
    name, licence = encoder.name, encoder.licence
    if licence == NOT_STATED:
        return f"Encoder {code(name)}: its folder states no licence, so find out before you pass the weights on."
    if NON_COMMERCIAL.search(licence):
        return f"Encoder {code(name)}: {licence}. **It allows no commercial use, and these weights are made from it.**"
    return f"Encoder {code(name)}: {licence}."


def _files(folder: Path, exported: Mapping[str, Exported]) -> str:
    paths = {name: folder / name for name in file_names(folder) if name != CARD}
    rows = [(code(name), path.stat().st_size, code(checksum(path))) for name, path in paths.items()]
    more = "".join(f" {code(file)} is described above." for file, result in exported.items() if result.written)
    return f"SHA-256 of every file beside this one.{more}\n\n" + table(("File", "bytes", "SHA-256"), rows)


def _reproduce(facts: Facts) -> str:
    lines = commands(facts.summary, facts.searched, facts.config, facts.git_commit)
    preparing = facts.quality.settings.model_dump(mode="json")
    changed = " The checkout had changes that no commit holds." if facts.git_commit.endswith("+changes") else ""
    versions = ", ".join(f"{name} {version}" for name, version in facts.summary.versions.items())
    bundled = facts.encoder == BUNDLED_ENCODER
    offline = ' The bundled encoder comes with `pip install -c requirements.lock -e ".[offline]"`.' if bundled else ""
    return "\n\n".join(
        [
            f"Commit at the export: {code(facts.git_commit)}.{changed} Versions at the refit: {versions}. All settings that the "
            f"commands do not name are those of the commit's configuration; the corpus must have the hash above.{offline}",
            fenced(lines, "bash"),
            "How the corpus was read and split:",
            fenced([json.dumps(preparing, indent=1, ensure_ascii=False)], "json"),
            "The same seeds give the same figures to the last digit on the same kind of machine with the same number of threads.",
        ]
    )
