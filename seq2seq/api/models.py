"""Models: started, loaded, averaged, exported."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from ..assembly.start import start_from_options
from ..checkpoints.averaging import Averaged, average_checkpoints
from ..checkpoints.find import find_checkpoint, find_last
from ..checkpoints.folder import Checkpoint, read_checkpoint
from ..data.encoding import EncodedExamples, encode_examples
from ..data.examples import Example, read_examples
from ..data.options import LayoutOptions
from ..data.outputs import check_output
from ..errors import AnalysisError, CheckpointError, DataError, ExportError, GenerationError, WarmStartError
from ..exporting.export import Exported, export_ctranslate2, export_transformers
from ..exporting.exported import ExportedModel, load_exported
from ..exporting.options import Format, Quantization
from ..generation.choices import EngineName
from ..generation.ctranslate2_engine import is_exported
from ..generation.generator import Generator
from ..generation.options import GenerationOptions
from ..generation.transformers_engine import TransformersEngine
from ..memory import explain_memory
from ..options import build_options
from ..recipe import merge
from ..reports.console import errors
from ..warmstart.options import ModelOptions
from ..warmstart.start import WarmStart
from ..warmstart.vocabulary import Corpus

COMPARED_PAIRS = 64  # that an export is compared with its model on


def warm_start(*, seed: int = 1, corpus: Corpus | None = None, **options: Any) -> WarmStart:
    """A model started from published checkpoints, with its tokenizers and the origin of every parameter.

    Options are those under `model:` of a recipe. `seed` is that of the random parts, `corpus` what trim_vocabulary
    trims to.

    Example: warm_start(plan="bert2gpt", encoder="google-bert/bert-base-uncased", decoder="openai-community/gpt2")

    Raises:
        WarmStartError: an option is unknown or out of its range; a checkpoint is missing, cannot serve, lacks a tensor
            or does not fit the other.
        TokenizerError: a tokenizer is missing or has no begin, end or pad mark.
    """
    return start_from_options(build_options(ModelOptions, options, WarmStartError), seed=seed, corpus=corpus)


def load_checkpoint(
    checkpoint: str | Path, *, source_language: str | None = None, target_language: str | None = None
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
    if is_exported(folder):
        raise CheckpointError(
            f"{folder} is an export for CTranslate2, to generate with. Name the checkpoint behind it."
        )
    return _read_checkpoint(folder, checkpoint, source_language, target_language)


def _read_checkpoint(
    folder: Path, name: str | Path, source_language: str | None, target_language: str | None
) -> Checkpoint:
    loaded = read_checkpoint(folder, source_language=source_language, target_language=target_language)
    if loaded.shared:
        errors().print(f"{name}: its file was saved with {loaded.shared} shared; they are shared here again.")
    return loaded


def load_model(
    checkpoint: str | Path,
    engine: EngineName | None = None,
    *,
    source_language: str | None = None,
    target_language: str | None = None,
) -> Checkpoint | ExportedModel:
    """A checkpoint or an exported folder, to generate with; `engine`, where it is given, must be its engine.

    Languages are as for `load_checkpoint`.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: the engine is not the folder's, or is not installed.
    """
    folder = find_checkpoint(checkpoint)
    found = "ctranslate2" if is_exported(folder) else "transformers"
    if engine not in (None, found):
        advice = (
            f"Export it first: seq2seq export {checkpoint} --format ctranslate2 --output FOLDER, and name that folder."
            if engine == "ctranslate2"
            else "Name the checkpoint that it was exported from."
        )
        raise GenerationError(f"{folder} is for the engine {found}, not {engine}. {advice}")
    if found == "transformers":
        return _read_checkpoint(folder, checkpoint, source_language, target_language)
    if source_language is not None or target_language is not None:
        raise CheckpointError(f"{folder} knows its languages. Leave source_language and target_language out.")
    return load_exported(folder)


def read_layout(checkpoint: Checkpoint | ExportedModel, **options: Any) -> LayoutOptions:
    """How a checkpoint's data is read, with options `columns`, `header`, `normalization` over its own.

    Raises:
        DataError: an option is wrong.
    """
    chosen = {name: value for name, value in options.items() if value is not None}
    return build_options(LayoutOptions, merge(checkpoint.description.layout, chosen), DataError)


def complete_generation(checkpoint: Checkpoint) -> Checkpoint:
    """The same checkpoint with every generation option: published ones say only how they differ from the defaults.

    Raises:
        GenerationError: what was published contradicts itself.
    """
    chosen = build_options(GenerationOptions, checkpoint.description.generation, GenerationError)
    generation = chosen.model_dump(mode="json")
    return replace(checkpoint, description=replace(checkpoint.description, generation=generation))


def encode_pairs(checkpoint: Checkpoint, examples: Sequence[Example]) -> EncodedExamples:
    """Examples as the checkpoint's model reads them, cut where it cuts."""
    description = checkpoint.description
    limits = {"max_source_tokens": description.max_source_tokens, "max_target_tokens": description.max_target_tokens}
    return encode_examples(examples, checkpoint.tokenizers, checkpoint.framing, **limits)


def explain_batch_memory(batch_tokens: int) -> AbstractContextManager[None]:
    """Lets a block weigh or measure a model in batches of so many padded tokens.

    Raises:
        AnalysisError: memory ran out in the block.
    """
    return explain_memory(AnalysisError(f"Memory ran out with batches of {batch_tokens} tokens. Lower batch_tokens."))


def count_truncated(encoded: EncodedExamples) -> dict[str, int]:
    """How many sources and targets `encode_pairs` cut, as the files of an analysis say."""
    return {
        "truncated_sources": encoded.source_truncation.truncated,
        "truncated_targets": encoded.target_truncation.truncated,
    }


def load_generator(checkpoint: str | Path | Checkpoint | ExportedModel | Generator, **options: Any) -> Generator:
    """A model that stays loaded and writes texts; options are those under `generation:` of a recipe.

    Options left out are the ones the checkpoint was trained with, or those of a generator that is given in its place
    and shares its model with the new one. A folder that `export` wrote for CTranslate2 runs there, every other
    checkpoint in transformers; on the GPU where there is one. Texts go through the checkpoint's `data.normalization`
    first.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: an option is unknown, out of its range or beyond the engine.
    """
    if isinstance(checkpoint, Generator):
        chosen = checkpoint.options.model_dump(mode="json") | options
        return replace(checkpoint, options=build_options(GenerationOptions, chosen, GenerationError))
    loaded = checkpoint if isinstance(checkpoint, Checkpoint | ExportedModel) else load_model(checkpoint)
    chosen = build_options(GenerationOptions, loaded.description.generation | options, GenerationError)
    if isinstance(loaded, ExportedModel):
        engine = loaded.engine
    else:
        engine = TransformersEngine(loaded.model.to("cuda" if torch.cuda.is_available() else "cpu"))
    limit, steps = loaded.description.max_source_tokens, read_layout(loaded).normalization
    return Generator(engine, loaded.tokenizers, loaded.framing, limit, chosen, steps)


def average(checkpoints: Sequence[str | Path], *, output: str | Path, last: int | None = None) -> Averaged:
    """Writes the mean of several checkpoints' weights as a checkpoint of its own, without training state.

    Example: average(["runs/mine"], last=5, output="runs/mine_average")

    Args:
        checkpoints: each as `load_checkpoint` takes it; or, with `last`, one run folder.
        last: how many of that run's newest checkpoints to average.
        output: the checkpoint folder to write.

    Raises:
        CheckpointError: there are fewer than two, they differ in config, tokenizers, sharing, framing or pruned heads,
            `output` exists, or the disk is full.
        DataError: `output` cannot be written.
    """
    if last is not None and len(checkpoints) != 1:
        raise CheckpointError(f"The last {last} checkpoints are those of one run; found {len(checkpoints)} names.")
    if not Path(output).exists():  # which is refused below
        check_output(Path(output))
    folders = map(find_checkpoint, checkpoints) if last is None else find_last(Path(checkpoints[0]), last)
    return average_checkpoints(list(folders), Path(output))


def export(
    checkpoint: str | Path,
    *,
    output: str | Path,
    format: Format = "ctranslate2",
    quantization: Quantization = "float32",
    data: Sequence[str] | None = None,
) -> Exported:
    """Writes a checkpoint for another library and compares it with the model before it is kept.

    Args:
        output: the folder to write; it must not exist.
        quantization: number type of the weights, for ctranslate2; all but float32 change the outputs a little.
        data: data files whose first pairs the export is compared on; left out: pairs of the embedded corpus.

    Raises:
        CheckpointError: as `load_checkpoint`.
        ExportError: the format cannot hold the model, the output exists, or a float32 export is not equal to the model.
        GenerationError: CTranslate2 is not installed.
        DataError: as `load_examples`.
    """
    loaded = complete_generation(load_checkpoint(checkpoint))
    layout = read_layout(loaded) if data else LayoutOptions()
    examples = islice(read_examples(data or ["embedded:quickstart:test"], layout), COMPARED_PAIRS)
    pairs = [(example.source, example.target) for example in examples]
    if format == "ctranslate2":
        return export_ctranslate2(loaded, Path(output), quantization=quantization, pairs=pairs)
    if quantization != "float32":
        raise ExportError(f"quantization is for ctranslate2; transformers has float32 (found {quantization!r}).")
    return export_transformers(loaded, Path(output), pairs=pairs)
