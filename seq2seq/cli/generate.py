"""`seq2seq generate`."""

from typing import Annotated

import typer

from ..engines.choices import EngineName, LengthPenaltyForm
from .arguments import CheckpointName, Header, split_names


def run(
    checkpoint: CheckpointName,
    text: Annotated[list[str] | None, typer.Option(help="A text; may be given more than once.")] = None,
    input: Annotated[
        str | None, typer.Option(help="Texts one a line, or .jsonl, .csv, .tsv, .parquet; - is stdin.")
    ] = None,
    output: Annotated[
        str, typer.Option(help="Where to write, by its name text or .jsonl; - is standard output.")
    ] = "-",
    column: Annotated[
        str | None, typer.Option(help="Of the source; several by commas; left out: as the checkpoint says.")
    ] = None,
    header: Header = None,
    engine: Annotated[EngineName | None, typer.Option(help="Left out: the one that the folder is for.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an output that was not finished.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse texts that would be cut or are not UTF-8.")] = False,
    window: Annotated[
        int | None, typer.Option(help="Texts that are sorted by length and written together; left out: 1,024.")
    ] = None,
    num_beams: Annotated[int | None, typer.Option(help="1 is greedy.")] = None,
    max_target_tokens: Annotated[int | None, typer.Option(help="Longest output, end mark included.")] = None,
    min_target_tokens: Annotated[int | None, typer.Option(help="Shortest output, end mark not counted.")] = None,
    length_penalty: Annotated[float | None, typer.Option(help="Alpha of the length penalty of beams.")] = None,
    length_penalty_form: Annotated[
        LengthPenaltyForm | None, typer.Option(help="length^alpha, or ((5 + length) / 6)^alpha.")
    ] = None,
    no_repeat_ngram_size: Annotated[int | None, typer.Option(help="No n-gram of so many tokens twice.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1: written tokens get less likely.")] = None,
    sampling: Annotated[bool | None, typer.Option(help="Draw every token; needs --num-beams 1.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of sampling.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Of sampling: among so many likeliest tokens.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Of sampling: among tokens of this probability.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of sampling.")] = None,
    num_outputs: Annotated[int | None, typer.Option(help="Best beams, or draws, of each text; into .jsonl.")] = None,
    target_prefix: Annotated[str | None, typer.Option(help="Text that every output begins with.")] = None,
    scores: Annotated[bool | None, typer.Option(help="Log-probability of each output; into .jsonl.")] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Tokens of a batch: bounds memory.")] = None,
) -> None:
    """Write one output for each text, in order. Empty lines give empty lines.

    torchrun and accelerate launch share the work among processes: torchrun --nproc-per-node 2 -m seq2seq generate ...

    Options from --num-beams on, left out, are as the checkpoint says.
    """
    arguments = {name: value for name, value in locals().items() if value is not None}
    from ..base.errors import GenerationError
    from ..engines.options import GenerationOptions
    from ..verbs.generate_file import generate_file

    if (text is None) == (input is None):
        raise GenerationError("Give either --text or --input.")
    generate_file(
        checkpoint,
        text if input is None else input,
        output,
        columns=split_names(column),
        header=split_names(header),
        engine=engine,
        resume=resume,
        strict=strict,
        **({} if window is None else {"window_texts": window}),
        **{name: value for name, value in arguments.items() if name in GenerationOptions.model_fields},
    )
