"""Publish an exported agent on the Hugging Face hub. Nothing is sent before a person confirms it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from psy_agents.errors import UserError
from psy_agents.files.checksums import file_names
from psy_agents.release.config import PublishConfig
from psy_agents.release.files import ExportRecord, encoder_names, read_record, refuse_pickles

log = logging.getLogger(__name__)

NOT_PUBLISHED = "Nothing was published"
Ask = Callable[[str], str]


def publish(folder: Path, config: PublishConfig, api: Callable[[], Any], ask: Ask | None) -> str:
    """Ask for confirmation, create the repository, upload the folder, and return the address of the upload.

    Args:
        folder: output of the pipeline export.
        api: makes the hub's client, such as `huggingface_hub.HfApi`. It is called only after all confirmations.
        ask: shows a text to a person and returns the answer. None without a terminal.

    Raises:
        UserError: the export is not complete, a confirmation is missing, or the hub refuses. A refusal can leave an empty
            repository. If a private repository is configured, nothing is uploaded into a public one.
    """
    if config.repository is None:
        raise UserError(f"{NOT_PUBLISHED}: name the repository with --params publish.repository=user/name.")
    record = read_record(folder)
    refuse_pickles(folder)
    files = file_names(folder)
    upload = _upload_description(folder, files, record, config)
    _confirm(config.repository, config.confirmed_repository, "publish.confirmed_repository", ask, upload)
    if record.agreement is not None:
        name = record.agreement.name
        _confirm(name, config.confirmed_agreement, "publish.confirmed_agreement", ask, _agreement_question(record))
    return _upload(folder, files, record, config, api)


def sharing_implications(record: ExportRecord) -> str:
    """What the training data imply for sharing the weights."""
    memory = "Weights can memorise texts that they were trained on. Anyone who has the weights may extract these texts."
    if record.agreement is None:
        return f"{memory} The configuration names no data agreement of the corpus '{record.corpus}'. Check that you may publish this model."
    return (
        f"{memory} These weights were trained on the corpus '{record.corpus}'. Only those who signed the {record.agreement.name} "
        f"({record.agreement.url}) may use it. The agreement may forbid sharing models trained on the corpus. A private repository "
        f"shares them too, with its members and with the hub's operator. If in doubt, ask the authors of the corpus first."
    )


def _upload_description(folder: Path, files: list[str], record: ExportRecord, config: PublishConfig) -> str:
    size = decimal(sum((folder / name).stat().st_size for name in files))
    visibility = "private: visible to its members only" if config.private else "PUBLIC: visible to everybody, and it cannot be undone"
    licence = record.licence or "none has been chosen"
    encoders = [f"{each.name}: {each.licence}" for each in record.encoders]
    local_paths = [
        f"agent.json names a folder of this machine, {encoder}. Others will see its path."
        for encoder in encoder_names(folder)
        if Path(encoder).is_absolute()
    ]
    return "\n".join(
        [
            f"Upload of the {record.agent} agent to {config.repository} on the Hugging Face hub ({visibility}).",
            f"{len(files)} files, {size}: {', '.join(files)}.",
            *local_paths,
            f"Licence of the weights: {licence}; of the encoder {', of the encoder '.join(encoders)}.",
            sharing_implications(record),
        ]
    )


def _agreement_question(record: ExportRecord) -> str:
    return (
        f"Does the {record.agreement.name} ({record.agreement.url}) allow sharing models trained on the corpus '{record.corpus}' "
        f"in this way? Confirm only if you have read it."
    )


def _confirm(name: str, given: str | None, parameter: str, ask: Ask | None, question: str) -> None:
    """Check that the name is given as a parameter, or typed in answer to the question."""
    if given == name:
        log.info("%s", question)
        return
    if given is not None:
        raise UserError(f"{NOT_PUBLISHED}: --params {parameter}={given} is not '{name}'.")
    if ask is None:
        how = f'confirm it with --params "{parameter}={name}"'
        raise UserError(f"{NOT_PUBLISHED}: there is no terminal to ask. Read this and {how}: {question}")
    try:
        answer = ask(f"{question}\nType {name} to continue, anything else to stop: ")
    except EOFError:  # The terminal was closed.
        answer = ""
    if answer.strip() != name:
        raise UserError(f"{NOT_PUBLISHED}: it was not confirmed.")


def _upload(folder: Path, files: list[str], record: ExportRecord, config: PublishConfig, api: Callable[[], Any]) -> str:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        hub = api()
        hub.create_repo(config.repository, repo_type="model", private=config.private, exist_ok=True)
        if config.private and not hub.model_info(config.repository).private:
            raise UserError(
                f"{NOT_PUBLISHED}: {config.repository} exists and is public: name another repository, or set publish.private=false."
            )
        commit = hub.upload_folder(
            repo_id=config.repository,
            folder_path=folder,
            repo_type="model",
            allow_patterns=files,
            commit_message=f"{record.agent} agent of psy_agents, trained on {record.corpus}",
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(
            f"The upload to {config.repository} failed ({type(error).__name__}): log in with 'hf auth login', unset HF_HUB_OFFLINE, "
            f"and check that you may write to the repository."
        ) from None
    log.info("published: %s", commit.commit_url)
    return commit.commit_url
