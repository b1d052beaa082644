"""Weights of published checkpoints as named tensors: safetensors, or old .bin files read as plain tensors.

Never pickled objects. Knows no family and no model.
"""

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open

from ..base.errors import Seq2SeqError
from .lookalikes import find_advice

LEGACY_NAMES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}  # of TensorFlow's BERT


class WeightFiles:
    """The weights in a checkpoint folder, whole or in shards."""

    def __init__(
        self,
        name: str,
        folder: Path,
        error: type[Seq2SeqError],
    ) -> None:
        """Reads nothing yet. `name` opens every message; `error` is what is raised for missing and broken files."""
        self.name = name
        self.folder = folder
        self.error = error
        self._legacy: dict[Path, dict[str, torch.Tensor]] = {}

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of every tensor.

        Raises:
            error: there are no weights, a shard is missing or cut, or a file holds more than tensors.
        """
        paths = self._list_files("model.safetensors") or self._list_files("pytorch_model.bin")
        if not paths:
            advice = find_advice(self.folder)
            raise self.error(
                f"{self.name}: {self.folder} has no weights. Expected model.safetensors (or pytorch_model.bin)."
                + (f" {advice}" if advice else "")
            )
        self._check_index(paths)
        files: dict[str, Path] = {}
        for path in paths:
            files |= dict.fromkeys(self._tensor_names(path), path)
        return files

    def _list_files(self, name: str) -> list[Path]:
        """The file of that name, else its shards, as transformers chooses them; others beside them are variants."""
        stem, _, suffix = name.rpartition(".")
        whole = self.folder / name
        if whole.exists():
            return [whole]
        return sorted(self.folder.glob(f"{stem}-*-of-*.{suffix}"))

    def _check_index(self, paths: list[Path]) -> None:
        # The index of the other format, which a folder may hold beside it, is of files that nobody reads.
        is_safetensors = any(path.suffix == ".safetensors" for path in paths)
        pattern = "model*.safetensors.index.json" if is_safetensors else "pytorch_model.bin.index.json"
        present = {path.name for path in paths}
        for index in self.folder.glob(pattern):
            text = index.read_text(encoding="utf-8")
            shard_of_tensor = json.loads(text)["weight_map"]
            missing = sorted(set(shard_of_tensor.values()) - present)
            if missing:
                raise self.error(f"{self.name}: {index} lists weights files that are missing: {', '.join(missing)}.")

    def _tensor_names(self, path: Path) -> Iterable[str]:
        if path.suffix == ".bin":
            return list(self._load_legacy(path))
        try:
            with safe_open(path, framework="pt") as file:
                return list(file.keys())
        except (SafetensorError, OSError) as error:
            raise self.error(f"{self.name}: {path} is no whole safetensors file ({error}).") from None

    def _load_legacy(self, path: Path) -> dict[str, torch.Tensor]:
        """All tensors of a .bin file, read once."""
        if path in self._legacy:
            return self._legacy[path]
        # weights_only refuses anything but tensors and containers: no object of a pickle is ever built.
        try:
            self._legacy[path] = torch.load(path, map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise self.error(f"{self.name}: a .bin file holds more than tensors, or is cut ({reason}).") from None
        return self._legacy[path]

    def load(self, tensor: str, *, may_mask: bool = False) -> torch.Tensor:
        """One tensor in float32, whatever type the file holds.

        Args:
            may_mask: whether minus infinity, with which a buffer rules tokens or positions out, is no fault.

        Raises:
            error: a number of it is not finite, or too large for float32.
        """
        path = self.files[tensor]
        # A checkpoint in bfloat16 would train in pure bfloat16, and two sides of different types cannot be multiplied.
        if path.suffix == ".bin":
            value = self._load_legacy(path)[tensor].float()
        else:
            with safe_open(path, framework="pt") as file:
                value = file.get_tensor(tensor).float()
        fault = find_not_finite(tensor, value, may_mask=may_mask)
        if fault is not None:
            raise self.error(f"{self.name}: {path.name}: {fault}")
        return value

    def map_names(self, prefixes: tuple[str, ...] = ()) -> dict[str, str]:
        """The file's tensor names by their modern names without prefix: {'encoder.layer.0...': 'bert.encoder...'}."""
        names: dict[str, str] = {}
        for name in self.files:
            bare = _drop_prefix(name, prefixes)
            for old, new in LEGACY_NAMES.items():
                bare = bare.replace(old, new)
            names[bare] = name
        return names


def find_not_finite(name: str, value: torch.Tensor, *, may_mask: bool = False) -> str | None:
    """What to tell of a tensor of a file that holds nan or infinity; None where all its numbers are finite.

    Args:
        may_mask: whether minus infinity is no fault.
    """
    # The sum of finite numbers is finite but for huge ones, and takes a tenth of the time of a look at each.
    if torch.isfinite(value.sum()):
        return None
    broken = ~torch.isfinite(value)
    if may_mask:
        broken &= value != -torch.inf
    count = int(broken.sum())
    if count == 0:
        return None
    return (
        f"tensor {name} is broken: {count:,} of its {value.numel():,} numbers are not finite (nan or infinity). Choose "
        "another checkpoint, or get this one again: its training may have diverged, its numbers may have been too "
        "large for half precision, or the file was damaged."
    )


def _drop_prefix(name: str, prefixes: tuple[str, ...]) -> str:
    """A name without the first of some prefixes that it has."""
    for prefix in prefixes:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
