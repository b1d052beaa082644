"""`seq2seq tokenizer train`."""

from typing import Any

import typer

from ..verbs.options.tokenizer import TokenizerOptions
from .flags import read_flags, takes_flags

app = typer.Typer(help="Train a tokenizer.", no_args_is_help=True)


@app.command("train")
@takes_flags(TokenizerOptions)
def run(**flags: Any) -> None:
    """Train a tokenizer on the texts of data files.

    How well it covers them is shown.
    """
    from ..base.console import build_table, messages, output
    from ..verbs.early_checks import check_train_tokenizer

    options = read_flags(TokenizerOptions, flags)
    check_train_tokenizer(options)
    from ..text.coverage import coverage_rows
    from ..verbs.tokenizer import train_tokenizer

    coverage = train_tokenizer(**dict(options))
    output().print(build_table(f"{options.kind}, {options.size} tokens", *coverage_rows(coverage)))
    messages().print(f"Written: {options.output}")
