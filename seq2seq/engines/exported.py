"""An exported folder, loaded: what a checkpoint is, with an engine in place of the model."""

from dataclasses import dataclass
from pathlib import Path

from ..checkpoints.description import CheckpointDescription
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, load_tokenizers
from .ctranslate2 import CTranslate2Engine


@dataclass(frozen=True)
class ExportedModel:
    """A model that writes and scores texts, and is not to be trained."""

    folder: Path
    engine: CTranslate2Engine
    tokenizers: TokenizerPair
    framing: Framing
    description: CheckpointDescription


def load_exported(folder: Path) -> ExportedModel:
    """What `export_ctranslate2` wrote.

    Raises:
        CheckpointError, TokenizerError: its description or tokenizer is missing or broken.
        GenerationError: CTranslate2 is missing or cannot load the folder.
    """
    description = CheckpointDescription.load(folder)
    engine = CTranslate2Engine.load(folder)
    return ExportedModel(
        folder=folder,
        engine=engine,
        tokenizers=load_tokenizers(folder),
        framing=Framing.from_dict(description.framing),
        description=description,
    )
