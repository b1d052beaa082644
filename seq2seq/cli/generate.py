"""`seq2seq generate`."""

from typing import Annotated, Any

import typer

from ..verbs.options.generate_file import GenerateFileOptions
from .arguments import CheckpointName
from .flags import read_flags, takes_flags


@takes_flags(GenerateFileOptions)
def run(
    checkpoint: CheckpointName,
    text: Annotated[
        list[str] | None, typer.Option(help="A text to write an output for; may be given more than once.")
    ] = None,
    input: Annotated[
        str | None,
        typer.Option(
            help="A file of texts, one a line, or with columns (.jsonl, .json, .csv, .tsv, .parquet); - is stdin."
        ),
    ] = None,
    **flags: Any,
) -> None:
    """Write one output for each text, in order.

    Empty lines give empty lines. torchrun and accelerate launch share the work among processes: torchrun
    --nproc-per-node 2 -m seq2seq generate ...

    Options from --num-beams on, left out, are as the checkpoint was trained with.
    """
    from ..base.errors import GenerationError
    from ..verbs.early_checks import check_generate_file

    options = read_flags(GenerateFileOptions, flags)
    texts = text if input is None else input
    if texts is None or (text is not None and input is not None):
        raise GenerationError("Give either --text or --input.")
    check_generate_file(checkpoint, texts, options)
    from ..verbs.generate_file import generate_file

    generate_file(checkpoint, texts, **dict(options))
