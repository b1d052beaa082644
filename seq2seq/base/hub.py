"""The hub: how its data sets are named in a recipe, and downloads of settings, tokenizers and weights, never code."""

from dataclasses import dataclass
from pathlib import Path

from .errors import Seq2SeqError
from .near_paths import format_near_path

SETTINGS_PATTERNS = ("*.json", "*.txt", "*.model", "*.spm")  # configs and the tokenizer files of all families
HUB_PREFIX = "hub:"


@dataclass(frozen=True)
class HubSplit:
    """A split of a data set on the hub. revision, config: empty where the name leaves them out."""

    dataset: str
    revision: str
    config: str
    split: str


def parse_hub_split(name: str) -> HubSplit | None:
    """What a data name hub:NAME:CONFIG:SPLIT means; None where it is no such name, or lacks a part.

    'hub:some/pairs@v2::train' -> HubSplit('some/pairs', 'v2', '', 'train')
    """
    parts = name.removeprefix(HUB_PREFIX).split(":", 2)
    if not name.startswith(HUB_PREFIX) or len(parts) != 3:
        return None
    dataset, config, split = parts
    revision = ""
    if not Path(dataset).is_dir():  # a folder's name may have an @ of its own
        dataset, _, revision = dataset.partition("@")
    if not dataset or not split:
        return None
    return HubSplit(
        dataset=dataset,
        revision=revision,
        config=config,
        split=split,
    )


def download(name: str, error: type[Seq2SeqError]) -> Path:
    """The folder of a hub repository: its settings and safetensors, or old .bin weights where it has no other.

    Raises:
        error: the name is unknown or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def fetch(weights: str) -> Path:
        folder = snapshot_download(
            name,
            allow_patterns=[*SETTINGS_PATTERNS, weights],
            ignore_patterns=["training/*"],
        )
        return Path(folder)

    try:
        # Not both at once: many repositories hold the same gigabytes in either format.
        folder = fetch("*.safetensors")
        if not list(folder.glob("*.safetensors")):
            folder = fetch("pytorch_model*.bin")
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as failure:
        reason = str(failure).strip().splitlines()[0]
        near = format_near_path(Path(name), Path.is_dir)
        raise error(
            f"{name}: neither a folder here nor to be had from the hub ({reason}). "
            f"Check the name and the network, or download the checkpoint and give its folder.{near}"
        ) from None
    return folder
