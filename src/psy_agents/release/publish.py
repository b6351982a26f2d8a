"""Publishing an exported agent on the Hugging Face hub. Nothing is sent before a person confirms it by name."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from psy_agents.errors import UserError
from psy_agents.files.checksums import file_names
from psy_agents.release.config import PublishConfig
from psy_agents.release.files import ExportRecord, encoders_of, read_record, refuse_pickles

log = logging.getLogger(__name__)

NOTHING = "Nothing was published"
Ask = Callable[[str], str]


def publish(folder: Path, config: PublishConfig, api: Callable[[], Any], ask: Ask | None) -> str:
    """Ask for confirmation, create the repository, upload the folder, and return the address of the upload.

    Args:
        folder: output of the pipeline export.
        api: makes the hub's client, such as `huggingface_hub.HfApi`. Called only after all confirmations.
        ask: shows a text to a person and returns the answer; None where there is no terminal.

    Raises:
        UserError: the folder is no whole export, something is not confirmed, or the hub refuses; the last may leave an
            empty repository, and never an upload into one that is open where a private one was asked for.
    """
    if config.repository is None:
        raise UserError(f"{NOTHING}: say where with --params publish.repository=user/name.")
    record = read_record(folder)
    refuse_pickles(folder)
    files = file_names(folder)
    _confirm(config.repository, config.confirmed_repository, "publish.confirmed_repository", ask, _what(folder, files, record, config))
    if record.agreement is not None:
        name = record.agreement.name
        _confirm(name, config.confirmed_agreement, "publish.confirmed_agreement", ask, _agreement_question(record))
    return _upload(folder, files, record, config, api)


def meaning(record: ExportRecord) -> str:
    """What the training data imply for sharing the weights."""
    memory = "Weights can memorise texts that they were trained on, and give them back to whoever has the weights."
    if record.agreement is None:
        return f"{memory} The configuration names no data agreement of the corpus '{record.corpus}': whether it allows this, you must know."
    return (
        f"{memory} These were trained on the corpus '{record.corpus}', which only those may use who signed the "
        f"{record.agreement.name} ({record.agreement.url}): the agreement may forbid to share models trained on it, and a private "
        f"repository shares them too, with its members and with the hub's operator. If in doubt, ask the authors of the corpus first."
    )


def _what(folder: Path, files: list[str], record: ExportRecord, config: PublishConfig) -> str:
    size = decimal(sum((folder / name).stat().st_size for name in files))
    seen = "private: seen by its members only" if config.private else "PUBLIC: seen by everybody, and not to be taken back"
    licence = record.licence or "none has been chosen"
    encoders = [f"{each.name}: {each.licence}" for each in record.encoders]
    here = [
        f"agent.json names a folder of this machine, {encoder}, which others will read."
        for encoder in encoders_of(folder)
        if Path(encoder).is_absolute()
    ]
    return "\n".join(
        [
            f"To be uploaded: the {record.agent} agent, to {config.repository} on the Hugging Face hub ({seen}).",
            f"{len(files)} files, {size}: {', '.join(files)}.",
            *here,
            f"Licence of the weights: {licence}; of the encoder {', of the encoder '.join(encoders)}.",
            meaning(record),
        ]
    )


def _agreement_question(record: ExportRecord) -> str:
    return (
        f"Does the {record.agreement.name} ({record.agreement.url}) allow to share models trained on the corpus '{record.corpus}', in "
        f"this way? Whoever says so has read it."
    )


def _confirm(name: str, given: str | None, parameter: str, ask: Ask | None, question: str) -> None:
    """Continue if the name was given as a parameter or is typed after the question."""
    if given == name:
        log.info("%s", question)
        return
    if given is not None:
        raise UserError(f"{NOTHING}: --params {parameter}={given} is not '{name}'.")
    if ask is None:
        raise UserError(f'{NOTHING}: there is no terminal to ask, so confirm with --params "{parameter}={name}" what follows. {question}')
    try:
        answer = ask(f"{question}\nType {name} to go on, anything else to stop: ")
    except EOFError:  # The terminal was closed instead.
        answer = ""
    if answer.strip() != name:
        raise UserError(f"{NOTHING}: it was not confirmed.")


def _upload(folder: Path, files: list[str], record: ExportRecord, config: PublishConfig, api: Callable[[], Any]) -> str:
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

    try:
        hub = api()
        hub.create_repo(config.repository, repo_type="model", private=config.private, exist_ok=True)
        if config.private and not hub.model_info(config.repository).private:
            raise UserError(f"{NOTHING}: {config.repository} is there and public; name another, or add publish.private=false.")
        done = hub.upload_folder(
            repo_id=config.repository,
            folder_path=folder,
            repo_type="model",
            allow_patterns=files,
            commit_message=f"{record.agent} agent of psy_agents, trained on {record.corpus}",
        )
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled, OSError) as error:
        raise UserError(
            f"The upload to {config.repository} failed ({type(error).__name__}): log in with 'hf auth login', unset HF_HUB_OFFLINE, "
            f"and see whether you may write there."
        ) from None
    log.info("published: %s", done.commit_url)
    return done.commit_url
