"""Downloads from the hub: settings, tokenizers and weights, never code."""

from pathlib import Path

from .errors import Seq2SeqError

SETTINGS_PATTERNS = ("*.json", "*.txt", "*.model", "*.spm")  # configs and the tokenizer files of all families


def download(name: str, error: type[Seq2SeqError]) -> Path:
    """The folder of a hub repository: its settings and safetensors, or old .bin weights where it has no other.

    Raises:
        error: the name is unknown or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    def fetch(weights: str) -> Path:
        return Path(
            snapshot_download(name, allow_patterns=[*SETTINGS_PATTERNS, weights], ignore_patterns=["training/*"])
        )

    try:
        folder = fetch("*.safetensors")
        return folder if list(folder.glob("*.safetensors")) else fetch("pytorch_model*.bin")
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as failure:
        reason = str(failure).strip().splitlines()[0]
        raise error(
            f"{name}: neither a folder here nor to be had from the hub ({reason}). "
            "Check the name and the network, or download the checkpoint and give its folder."
        ) from None
