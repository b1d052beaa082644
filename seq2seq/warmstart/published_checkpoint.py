"""Published checkpoints as a warm start reads them: a config, a tokenizer folder and named tensors in float32.

Knows no family. Never remote code.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from transformers import AutoConfig, PreTrainedConfig

from ..base.errors import WarmStartError
from ..base.files import embedded_folder
from ..base.hub import download
from ..modeling.lookalikes import find_advice
from ..modeling.weights import WeightFiles

EMBEDDED = "embedded:"


def find_published_folder(name: str) -> Path:
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
    advice = find_advice(Path(name))
    if Path(name).exists():
        raise WarmStartError(f"{name} is a file. {advice or 'Give a folder with config.json, or a hub name.'}")
    # What cannot be OWNER/NAME is not asked for on the hub.
    if Path(name).is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        advice = advice or "Give a folder with config.json, or a hub name."
        raise WarmStartError(f"{name}: there is no such folder. {advice}")
    return download(name, WarmStartError)


@dataclass(frozen=True)
class PublishedCheckpoint:
    """One published checkpoint on disk, or a shape alone, whose folder holds a tokenizer at most."""

    name: str
    folder: Path
    shape: PreTrainedConfig | None = None

    @classmethod
    def open(cls, name: str) -> "PublishedCheckpoint":
        """Finds a checkpoint; reads nothing yet.

        Raises:
            WarmStartError: it is not there.
        """
        return cls(name, find_published_folder(name))

    @cached_property
    def config(self) -> PreTrainedConfig:
        if self.shape is not None:
            return self.shape
        if not (self.folder / "config.json").exists():
            advice = find_advice(self.folder) or "Expected a transformers checkpoint."
            raise WarmStartError(f"{self.name}: {self.folder} has no config.json. {advice}")
        try:
            return AutoConfig.from_pretrained(
                str(self.folder),
                local_files_only=True,
                trust_remote_code=False,
            )
        except (OSError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise WarmStartError(f"{self.name}: {self.folder / 'config.json'} cannot be read ({reason}).") from None

    @cached_property
    def weights(self) -> WeightFiles:
        return WeightFiles(self.name, self.folder, WarmStartError)
