"""A checkpoint written for another library: whole, checked against the model, or not there at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..base.errors import ExportError
from ..base.files import folder_written_whole, write_json
from ..checkpoints.description import DESCRIPTION_FILE
from ..checkpoints.find import check_replaceable_checkpoint
from ..checkpoints.folder import Checkpoint, write_checkpoint
from ..modeling.head_removal import count_heads
from ..modeling.token_loss import TokenLossModel
from ..sources.table import find_source
from ..text.tokenizers import encode_texts
from .engine import EXACT, EXPORT_FILE, Engine
from .equality import Equality, compare_engines
from .export_options import Quantization
from .options import GenerationOptions
from .restoring import restore_heads
from .table import find_engine
from .transformers import TransformersEngine

Pairs = Sequence[tuple[str, str]]  # source and target, as texts


@dataclass(frozen=True)
class Exported:
    """A folder that was written, its size on disk in bytes, and how it compares with the model.

    restored: how many heads that had been pruned stand in it as zeros, as the other library needs them.
    truncated: how many of the pairs it was compared on had a text beyond the checkpoint's limits.
    """

    folder: Path
    size: int
    equality: Equality
    restored: int
    truncated: int


@dataclass(frozen=True)
class _FramedPairs:
    """What a model and its export are compared on: ids within the checkpoint's limits; of empty sources nothing."""

    sources: list[list[int]]
    labels: list[list[int]]
    truncated: int


def export_checkpoint(
    checkpoint: Checkpoint,
    output: Path,
    *,
    format: str,
    quantization: Quantization,
    pairs: Pairs,
    overwrite: bool = False,
) -> Exported:
    """Writes a folder for an engine, with tokenizers and what `seq2seq generate` needs.

    In float32 it must be equal to the model on the pairs; of other number types the differences are measured.

    Args:
        format: the name of an engine; not transformers, whose folder `export_transformers` writes.
        pairs: what to compare on, truncated where the checkpoint truncates.

    Raises:
        ExportError: the folder exists and is not to be replaced, the engine cannot compute the model, or the export is
            not equal to it.
        GenerationError: there is no such engine, or its library is not installed.
    """
    engine = find_engine(format)

    def write(folder: Path, model: TokenLossModel) -> None:
        folder.mkdir()
        engine.export(checkpoint, model, folder, quantization)
        description = replace(
            checkpoint.description,
            pruned={},  # the model has all heads
            generation={**checkpoint.description.generation, "precision": "fp32"},  # the export has a type of its own
        )
        checkpoint.tokenizers.save(
            folder,
            max_source_tokens=description.max_source_tokens,
            framing=checkpoint.framing,
        )
        write_json(folder / DESCRIPTION_FILE, description.to_dict())
        summary = {
            "format": format,
            "quantization": quantization,
            "positions": {"source": model.max_source_positions, "target": model.max_target_positions},
        }
        write_json(folder / EXPORT_FILE, summary)

    return _export(
        checkpoint,
        output,
        write,
        engine.load,
        pairs,
        is_exact=quantization == EXACT,
        overwrite=overwrite,
    )


def export_transformers(
    checkpoint: Checkpoint,
    output: Path,
    *,
    pairs: Pairs,
    overwrite: bool = False,
) -> Exported:
    """Writes a folder that plain transformers loads: weights whole and untied, no state of a training.

    Raises:
        ExportError: the folder exists and is not to be replaced, or what was written is not equal to the model.
    """

    def write(folder: Path, model: TokenLossModel) -> None:
        write_checkpoint(folder, model, checkpoint.tokenizers, checkpoint.description)

    return _export(
        checkpoint,
        output,
        write,
        TransformersEngine.load,
        pairs,
        is_exact=True,
        overwrite=overwrite,
    )


def check_reads_texts(checkpoint: Checkpoint) -> None:
    """Refuses a model of other sources, which no other library reads as we do.

    Raises:
        ExportError: naming its kind of source.
    """
    kind = checkpoint.description.source["kind"]
    if not find_source(kind).is_text:
        raise ExportError(f"{checkpoint.folder} reads {kind}; exports are for models that read text.")


def _export(
    checkpoint: Checkpoint,
    output: Path,
    write: Callable[[Path, TokenLossModel], None],
    load: Callable[[Path], Engine],
    pairs: Pairs,
    *,
    is_exact: bool,
    overwrite: bool,
) -> Exported:
    """Writes the model with all its heads beside the output, compares, and gives the folder its name at last."""
    check_reads_texts(checkpoint)
    framed = _frame_pairs(checkpoint, pairs)
    check_replaceable_checkpoint(output, overwrite=overwrite, error=ExportError)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        whole = restore_heads(checkpoint.model)
        with folder_written_whole(output, overwrite=overwrite) as beside:
            write(beside, whole)
            equality = _compare(checkpoint, load(beside), framed)
            if is_exact:
                equality.check()
    except ExportError as error:
        raise ExportError(f"{checkpoint.folder}: {error}") from None
    except OSError as error:
        raise ExportError(f"{output} cannot be written ({error.strerror}). Choose another output.") from None
    files = [path for path in output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    restored = 0
    if checkpoint.model.pruned:
        restored = count_heads(whole) - count_heads(checkpoint.model)
    return Exported(output, size, equality, restored, framed.truncated)


def _frame_pairs(checkpoint: Checkpoint, pairs: Pairs) -> _FramedPairs:
    framing = checkpoint.framing
    description = checkpoint.description
    source_ids = encode_texts(checkpoint.tokenizers.source, [source for source, _ in pairs])
    target_ids = encode_texts(checkpoint.tokenizers.target, [target for _, target in pairs])
    sources = []
    labels = []
    truncated = 0
    for source, target in zip(source_ids, target_ids, strict=True):
        if not source:  # nothing is written for it
            continue
        framed_source, is_source_truncated = framing.frame_source(source, description.max_source_tokens)
        framed_target, is_target_truncated = framing.frame_target(target, description.max_target_tokens)
        sources.append(framed_source)
        labels.append(framed_target)
        truncated += is_source_truncated or is_target_truncated
    return _FramedPairs(sources, labels, truncated)


def _compare(checkpoint: Checkpoint, exported: Engine, pairs: _FramedPairs) -> Equality:
    options = GenerationOptions(**checkpoint.description.generation)
    # With two beams at least: greedy outputs are compared in any case.
    beams = GenerationOptions(
        num_beams=max(options.num_beams, 2),
        max_target_tokens=options.max_target_tokens,
        length_penalty=options.length_penalty,
        early_stopping=options.early_stopping,
    )
    return compare_engines(TransformersEngine(checkpoint.model), exported, pairs.sources, pairs.labels, beams)
