"""Published checkpoints as a warm start reads them: a config, a tokenizer folder and named tensors in float32.

Knows no family. Safetensors, or old .bin files read as plain tensors; never pickled objects, never remote code.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, PreTrainedConfig

from ..errors import WarmStartError
from ..files import embedded_folder

EMBEDDED = "embedded:"
SETTINGS_PATTERNS = ["*.json", "*.txt", "*.model"]  # configs and the tokenizer files of all families
LEGACY_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}  # of TensorFlow's BERT


def find_source_folder(name: str) -> Path:
    """The folder of a checkpoint given by folder, `embedded:NAME` (ships with the package) or hub name.

    Raises:
        WarmStartError: there is none of that name.
    """
    if name.startswith(EMBEDDED):
        folder = embedded_folder(name.removeprefix(EMBEDDED))
        if not (folder / "config.json").exists():
            raise WarmStartError(f"{name}: the package ships no such checkpoint. Known: embedded:quickstart-bert.")
        return folder
    if Path(name).is_dir():
        return Path(name)
    if Path(name).is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise WarmStartError(f"{name}: there is no such folder. Give a folder with config.json, or a hub name.")
    return _download(name)


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(name, allow_patterns=[*SETTINGS_PATTERNS, "*.safetensors"]))
        if not list(folder.glob("*.safetensors")):
            folder = Path(snapshot_download(name, allow_patterns=[*SETTINGS_PATTERNS, "pytorch_model*.bin"]))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WarmStartError(
            f"{name}: neither a folder here nor to be had from the hub ({reason}). "
            "Check the name and the network, or download the checkpoint and give its folder."
        ) from None
    return folder


@dataclass(frozen=True)
class SourceCheckpoint:
    """One published checkpoint on disk. `shape` stands for its config where there is only a shape, to be counted."""

    name: str
    folder: Path
    shape: PreTrainedConfig | None = None

    @classmethod
    def open(cls, name: str) -> "SourceCheckpoint":
        """Finds a checkpoint; reads nothing yet.

        Raises:
            WarmStartError: it is not there.
        """
        return cls(name, find_source_folder(name))

    @cached_property
    def config(self) -> PreTrainedConfig:
        if self.shape is not None:
            return self.shape
        if not (self.folder / "config.json").exists():
            raise WarmStartError(f"{self.name}: {self.folder} has no config.json. Expected a transformers checkpoint.")
        try:
            return AutoConfig.from_pretrained(str(self.folder), local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise WarmStartError(f"{self.name}: {self.folder / 'config.json'} cannot be read ({reason}).") from None

    @cached_property
    def tensor_files(self) -> dict[str, Path]:
        """The weights file of every tensor."""
        files = sorted(self.folder.glob("model*.safetensors")) or sorted(self.folder.glob("pytorch_model*.bin"))
        if not files:
            raise WarmStartError(
                f"{self.name}: {self.folder} has no weights. Expected model.safetensors (or pytorch_model.bin)."
            )
        self._check_index(files)
        return {tensor: path for path in files for tensor in self._tensor_names(path)}

    def _check_index(self, files: list[Path]) -> None:
        for index in (
            *self.folder.glob("model*.safetensors.index.json"),
            *self.folder.glob("pytorch_model.bin.index.json"),
        ):
            expected = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            missing = sorted(expected - {path.name for path in files})
            if missing and any(path.suffix == ".safetensors" for path in files) == (".safetensors" in index.name):
                raise WarmStartError(
                    f"{self.name}: {index} lists weights files that are missing: {', '.join(missing)}."
                )

    def _tensor_names(self, path: Path) -> Iterable[str]:
        if path.suffix == ".bin":
            return list(self._legacy_tensors[path])
        try:
            with safe_open(path, framework="pt") as file:
                return list(file.keys())
        except (SafetensorError, OSError) as error:
            raise WarmStartError(f"{self.name}: {path} is no whole safetensors file ({error}).") from None

    @cached_property
    def _legacy_tensors(self) -> dict[Path, dict[str, torch.Tensor]]:
        # weights_only refuses anything but tensors and containers: no object of a pickle is ever built.
        files = self.folder.glob("pytorch_model*.bin")
        try:
            return {path: torch.load(path, map_location="cpu", weights_only=True) for path in files}
        except (UnpicklingError, RuntimeError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise WarmStartError(f"{self.name}: a .bin file holds more than tensors, or is cut ({reason}).") from None

    def load_tensor(self, tensor: str) -> torch.Tensor:
        """One tensor in float32, whatever type the file holds."""
        path = self.tensor_files[tensor]
        if path.suffix == ".bin":
            return self._legacy_tensors[path][tensor].float()
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(tensor).float()

    def find_names(self, prefixes: tuple[str, ...]) -> dict[str, str]:
        """The file's tensor names by their modern names without prefix: {'encoder.layer.0...': 'bert.encoder...'}."""
        found: dict[str, str] = {}
        for name in self.tensor_files:
            bare = next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)
            for old, new in LEGACY_NAMES.items():
                bare = bare.replace(old, new)
            found[bare] = name
        return found
