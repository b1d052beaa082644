"""`seq2seq generate`."""

from pathlib import Path
from typing import Annotated

import typer

from ..generation.choices import EngineName, LengthPenaltyForm


def run(
    checkpoint: Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")],
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
    header: Annotated[str | None, typer.Option(help="Columns of CSV and TSV without a header line, by commas.")] = None,
    engine: Annotated[EngineName | None, typer.Option(help="Left out: the one that the folder is for.")] = None,
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

    Options from --num-beams on, left out, are as the checkpoint says.
    """
    arguments = {name: value for name, value in locals().items() if value is not None}
    from .. import api
    from ..data.plain_text import check_output, read_texts, write_texts
    from ..errors import GenerationError
    from ..files import write_json_lines
    from ..generation.options import GenerationOptions
    from ..reports.console import errors, show_progress
    from .arguments import split_names

    if (text is None) == (input is None):
        raise GenerationError("Give either --text or --input.")
    if output != "-":
        check_output(Path(output))
    loaded = api.load_model(checkpoint, engine)
    layout = api.read_layout(
        loaded,
        columns={"source": split_names(column)} if column else None,
        header=split_names(header),
    )
    read = read_texts(input, layout.columns.source, layout.header) if input is not None else None
    texts = read.texts if read else text
    generator = api.load_generator(
        loaded, **{name: value for name, value in arguments.items() if name in GenerationOptions.model_fields}
    )
    is_jsonl = output != "-" and Path(output).suffix == ".jsonl"
    if not is_jsonl and (generator.options.num_outputs > 1 or generator.options.scores):
        raise GenerationError(f"{output}: several outputs of a text, and scores, need a file --output FILE.jsonl.")
    with show_progress("generating", len(texts), visible=output != "-") as bar:
        generated = generator.generate(texts, bar.advance)
    joined = 0
    if is_jsonl:
        write_json_lines(Path(output), generated.describe(texts))
    else:
        joined = write_texts(None if output == "-" else Path(output), generated.texts)
    counts = {
        "sources without a token, output empty": generated.empty,
        f"sources cut at {generator.max_source_tokens} tokens": generated.truncated,
        "sources with bytes that are not UTF-8, replaced by U+FFFD": read.replaced if read else 0,
        "outputs whose line breaks became spaces": joined,
    }
    for what, count in counts.items():
        if count:
            errors().print(f"{count} {what}")
