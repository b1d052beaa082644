"""An exported folder, loaded: what a checkpoint is, with an engine in place of the model."""

from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.description import CheckpointDescription
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, load_tokenizers
from .engine import Engine


@dataclass(frozen=True)
class ExportedModel:
    """A model that writes and scores texts, and is not to be trained."""

    folder: Path
    engine: Engine
    tokenizers: TokenizerPair
    framing: Framing
    description: CheckpointDescription


def load_exported(folder: Path, engine: type[Engine]) -> ExportedModel:
    """A folder that the engine can load, with our description and tokenizers in it.

    Raises:
        CheckpointError, TokenizerError: its description or tokenizer is missing or broken.
        GenerationError: the engine's library is missing or cannot load the folder.
    """
    description = CheckpointDescription.load(folder)
    return ExportedModel(
        folder=folder,
        engine=engine.load(folder),
        tokenizers=load_tokenizers(folder),
        framing=Framing.from_dict(description.framing),
        description=description,
    )
