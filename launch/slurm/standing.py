"""Prints how far the run of a recipe has come: its newest checkpoint's step, when its record was written, how it ended.

python launch/slurm/standing.py RECIPE.yaml [key.path=value ...]     ->     400 1763712000123456789 SIGUSR1
The end is `none` where the last line of progress.jsonl is no end; a run that has not begun gives `0 0 none`.
"""

import sys
from pathlib import Path

from seq2seq.errors import RecipeError
from seq2seq.recipe import load_recipe
from seq2seq.reports.run_folder import RunFolder


def main(recipe: str, *overrides: str) -> None:
    try:
        folder = RunFolder(Path(load_recipe(recipe, overrides).output))
    except RecipeError as error:
        sys.exit(f"RecipeError: {error}")
    written = folder.progress.stat().st_mtime_ns if folder.progress.exists() else 0
    events = list(folder.read_progress())
    step = max((event["step"] for event in events if event["event"] == "checkpoint"), default=0)
    ending = events[-1]["reason"] if events and events[-1]["event"] == "end" else "none"
    print(step, written, ending)


if __name__ == "__main__":
    main(*sys.argv[1:])
