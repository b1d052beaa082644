"""Checkpoints and exports by their names, as whatever is asked of them needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..base.console import errors
from ..base.errors import CheckpointError, GenerationError
from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.description import DESCRIPTION_FILE
from ..checkpoints.find import find_checkpoint
from ..checkpoints.folder import Checkpoint, read_checkpoint
from ..checkpoints.published_generation import list_refusals, quote_settings
from ..data.empty_rows import LeftOut
from ..data.encoding import EncodedExamples, encode_examples
from ..data.examples import Example
from ..data.options import EmptyRows, LayoutOptions, build_layout
from ..engines.exported import ExportedModel, load_exported
from ..engines.options import OF_SAMPLING, GenerationChoice, GenerationOptions
from ..engines.table import find_engine, find_engine_name
from ..engines.transformers import TransformersEngine, check_lengths
from ..sources.source import Source, SourceContext
from .generator import Generator
from .prefix import format_changed_prefix


def load_checkpoint(
    checkpoint: str | Path,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
) -> Checkpoint:
    """Model and tokenizers of a run folder (its best, else newest checkpoint), a checkpoint folder or a hub name.

    Args:
        source_language, target_language: codes such as en_XX, for published checkpoints that mark languages.

    Raises:
        CheckpointError: there is no such checkpoint, it is broken, or an export for CTranslate2; or languages are named
            for a checkpoint of this project, which knows its own.
        TokenizerError: a published checkpoint has no tokenizer that can be run here, or not these languages.
    """
    folder = find_checkpoint(checkpoint)
    if (engine := find_engine_name(folder)) != "transformers":
        raise CheckpointError(f"{folder} is an export for {engine}, to generate with. Name the checkpoint behind it.")
    return _read_checkpoint(folder, checkpoint, source_language, target_language)


def _read_checkpoint(
    folder: Path,
    name: str | Path,
    source_language: str | None,
    target_language: str | None,
) -> Checkpoint:
    loaded = read_checkpoint(
        folder,
        source_language=source_language,
        target_language=target_language,
    )
    if loaded.shared:
        errors().print(f"{name}: its file was saved with {loaded.shared} shared; they are shared here again.")
    for note in loaded.notes:
        errors().print(f"{name}: {note}")
    return loaded


def load_model(
    checkpoint: str | Path,
    engine: str | None = None,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
) -> Checkpoint | ExportedModel:
    """A checkpoint or an exported folder, to generate with.

    Args:
        engine: the name of an engine that can load the folder; left out: the one that it is for.
        source_language, target_language: as for `load_checkpoint`.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: the engine is not the folder's, or is not installed.
    """
    folder = find_checkpoint(checkpoint)
    own_engine = find_engine_name(folder)
    if engine is None:
        engine = own_engine
    if engine != own_engine and not find_engine(engine).can(folder):
        raise GenerationError(_explain_other_engine(checkpoint, folder, own_engine, engine))
    if engine == "transformers":
        return _read_checkpoint(folder, checkpoint, source_language, target_language)
    if source_language is not None or target_language is not None:
        raise CheckpointError(f"{folder} knows its languages. Leave source_language and target_language out.")
    return load_exported(folder, find_engine(engine))


def _explain_other_engine(
    checkpoint: str | Path,
    folder: Path,
    own_engine: str,
    engine: str,
) -> str:
    advice = f"Export it first: seq2seq export {checkpoint} --format {engine} --output FOLDER, and name that folder."
    if engine == "transformers":
        advice = "Name the checkpoint that it was exported from."
    return f"{folder} is for the engine {own_engine}, not {engine}. {advice}"


def read_layout(
    checkpoint: Checkpoint | ExportedModel,
    *,
    columns: Mapping[str, Any] | None = None,
    header: Sequence[str] | None = None,
    delimiter: str | None = None,
    quoting: str | None = None,
    normalization: Sequence[str] | None = None,
    empty: str | None = None,
) -> LayoutOptions:
    """How a checkpoint's data is read, with options under `data:` of a recipe over its own.

    Raises:
        DataError: an option is wrong.
    """
    chosen = {
        "columns": columns,
        "header": header,
        "delimiter": delimiter,
        "quoting": quoting,
        "normalization": normalization,
        "empty": empty,
    }
    return build_layout(checkpoint.description.layout, chosen)


def complete_generation(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint with every generation option: published ones say only how they differ from the defaults.

    Raises:
        GenerationError: what was published contradicts itself, or is not obeyed here.
    """
    chosen = _choose_generation(checkpoint, {})
    description = replace(checkpoint.description, generation=chosen.model_dump(mode="json"))
    return replace(checkpoint, description=description)


def _choose_generation(loaded: Checkpoint | ExportedModel, chosen: Mapping[str, Any]) -> GenerationOptions:
    """The options that were chosen over those of a checkpoint.

    Raises:
        GenerationError: they contradict each other, or the checkpoint's generation config asks for what is not obeyed.
    """
    own = dict(loaded.description.generation)
    if chosen.get("sampling") is False:
        own = {name: value for name, value in own.items() if name not in OF_SAMPLING}
    if isinstance(loaded, Checkpoint) and (refused := list_refusals(loaded.refused, {**own, **chosen})):
        raise GenerationError("\n".join(refused))
    try:
        return build_options(GenerationOptions, {**own, **chosen})
    except GenerationError as error:
        raise _explain_published(loaded, GenerationError(f"{loaded.folder}: {error}"), chosen) from None


def _explain_published(
    loaded: Checkpoint | ExportedModel,
    error: GenerationError,
    chosen: Mapping[str, Any],
) -> GenerationError:
    """The same error with what the file of a published folder says of the options that it speaks of."""
    if (loaded.folder / DESCRIPTION_FILE).exists():
        return error
    own = sorted(loaded.description.generation.keys() - chosen.keys())
    quoted = quote_settings(loaded.folder, [name for name in own if name in str(error)])
    if quoted is None:
        return error
    return GenerationError(f"{error}\n{quoted} Mend it, or choose these options yourself.")


def build_source(
    checkpoint: Checkpoint | ExportedModel,
    layout: LayoutOptions,
    max_source_tokens: int | None = None,
) -> Source:
    """What the checkpoint's model reads, as it was trained to; `layout` as of `read_layout`.

    Args:
        max_source_tokens: where sources are cut; left out, it is the checkpoint's own limit.

    Raises:
        CheckpointError: its kind of source, or an option of that, is not there any more.
        GenerationError: the limit that was asked for is beyond the model's positions, or leaves nothing of a source.
    """
    description = checkpoint.description
    tokenizer = checkpoint.tokenizers.source
    context = SourceContext(
        tokenizer=tokenizer,
        framing=checkpoint.framing,
        max_source_tokens=description.max_source_tokens,
        normalization=layout.normalization,
        # An exported model fills up its batches itself.
        pad_id=checkpoint.model.source_pad_id if isinstance(checkpoint, Checkpoint) else 0,
    )
    source = description.build_source_options(checkpoint.folder).build(context)
    if max_source_tokens is None:
        return source
    if isinstance(checkpoint, Checkpoint):  # of an exported model, its engine knows the positions
        check_lengths(checkpoint.model, max_source_tokens, target_tokens=0)
    return _limit_source(source, max_source_tokens)


def _limit_source(source: Source, max_source_tokens: int) -> Source:
    """The same source with a limit that was asked for.

    Raises:
        GenerationError: nothing would be left of a source.
    """
    if max_source_tokens <= source.marks:
        raise GenerationError(
            f"max_source_tokens is {max_source_tokens}, and {source.marks} of them are the marks around a source, so "
            "that nothing is left of it. Set more."
        )
    return source.with_limit(max_source_tokens)


def encode_pairs(
    checkpoint: Checkpoint,
    examples: Sequence[Example],
    source: Source,
    empty: EmptyRows = "refuse",
    left_out: LeftOut | None = None,
) -> EncodedExamples:
    """Examples as the checkpoint's model reads them, truncated at its limits; `source` is the checkpoint's.

    Those without a token are refused or, where `empty` is to skip them, go into `left_out`.
    """
    return encode_examples(
        examples,
        source,
        checkpoint.tokenizers,
        checkpoint.framing,
        max_target_tokens=checkpoint.description.max_target_tokens,
        empty=empty,
        left_out=left_out,
    )


def _change_generator(generator: Generator, options: GenerationChoice) -> Generator:
    """The same generator with other options, which shares its model."""
    chosen = generator.options.model_dump(mode="json") | options.generation
    changed = replace(generator, options=build_options(GenerationOptions, chosen))
    if options.max_source_tokens is not None:
        source = _limit_source(generator.source, options.max_source_tokens)
        changed = replace(changed, source=source, engine=generator.engine.with_source(source))
    if options.target_prefix is not None:
        _tell_changed_prefix(changed)
    return changed


@takes_options(GenerationChoice)
def load_generator(checkpoint: str | Path | Checkpoint | ExportedModel | Generator, **given: Any) -> Generator:
    """A model that stays loaded and writes texts; options are those under `generation:` of a recipe.

    Options left out are the ones the checkpoint was trained with, or those of a generator that is given in its place
    and shares its model with the new one. A folder that `export` wrote for CTranslate2 runs there, every other
    checkpoint in transformers; on the GPU where there is one. Texts go through the checkpoint's `data.normalization`
    first.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: an option is unknown, out of its range or beyond the engine, or the target prefix cannot be
            written with the target tokenizer; one that loses its case or spacing is told on standard error.
    """
    options = build_options(GenerationChoice, given)
    if isinstance(checkpoint, Generator):
        return _change_generator(checkpoint, options)
    loaded = checkpoint if isinstance(checkpoint, Checkpoint | ExportedModel) else load_model(checkpoint)
    chosen = _choose_generation(loaded, options.generation)
    source = build_source(loaded, read_layout(loaded), options.max_source_tokens)
    if isinstance(loaded, ExportedModel):
        engine = loaded.engine
    else:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        engine = TransformersEngine(loaded.model.to(device), source=source)
    try:
        generator = Generator(
            engine,
            source,
            loaded.tokenizers,
            loaded.framing,
            chosen,
            folder=loaded.folder,
        )
    except GenerationError as error:
        raise _explain_published(loaded, error, options.generation) from None
    _tell_changed_prefix(generator)
    return generator


def _tell_changed_prefix(generator: Generator) -> None:
    told = format_changed_prefix(generator.tokenizers.target, generator.options.target_prefix)
    if told is not None:
        errors().print(told)
