"""`seq2seq score`."""

from typing import Any

from ..verbs.options.score import ScoreOptions
from .flags import read_flags, takes_flags


@takes_flags(ScoreOptions)
def run(**flags: Any) -> None:
    """Score a file of predictions."""
    from ..base.console import output
    from ..reports.tables import build_score_table
    from ..verbs.early_checks import check_score

    options = read_flags(ScoreOptions, flags)
    check_score(options)
    from ..verbs.score import score

    rows = score(**dict(options))
    table = build_score_table(
        {name: scores.values for name, scores in rows.items()},
        "Scores",
        {name: scores.intervals for name, scores in rows.items()},
    )
    output().print(table)
    for metric, signature in rows[options.predictions].signatures.items():
        output().print(f"{metric}: {signature}")
