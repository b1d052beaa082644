"""The run folder: what stands where in it, and its progress file. Files only, no torch.

recipe.yaml environment.json origin.json inputs.json progress.jsonl checkpoints/ predictions/ scores.json README.md
pictures/ trackers/ log.txt
"""

import errno
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shlex import quote
from typing import Any

import yaml

from ..base.errors import DataError, TrainingError
from ..base.files import name_refused, write_json, write_json_lines, write_text
from .lock import LOCK_FILE
from .old_runs import bring_up_recipe
from .steps import CHECKPOINTS_FOLDER

RECIPE_FILE = "recipe.yaml"
TRACES = (LOCK_FILE, f".{RECIPE_FILE}.partial")  # what a run killed before it began may leave
PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "datasets", "sacrebleu", "rouge_score", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run and the few files that are more than a dump."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / RECIPE_FILE

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def inputs(self) -> Path:
        """What the run began with besides recipe and origin: its data in figures, and what its model is."""
        return self.path / "inputs.json"

    @property
    def origin(self) -> Path:
        return self.path / "origin.json"

    @property
    def progress(self) -> Path:
        return self.path / "progress.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS_FOLDER

    @property
    def scores(self) -> Path:
        return self.path / "scores.json"

    @property
    def card(self) -> Path:
        return self.path / "README.md"

    @property
    def pictures(self) -> Path:
        return self.path / "pictures"

    @property
    def trackers(self) -> Path:
        return self.path / "trackers"

    @property
    def log(self) -> Path:
        """What the console told, begun and gone on with; for people alone."""
        return self.path / "log.txt"

    def predictions(self, split: str) -> Path:
        return self.path / "predictions" / f"{split}.jsonl"

    def exists(self) -> bool:
        """Whether a run has begun here."""
        return self.recipe.exists()

    def check_free(self) -> None:
        """Makes sure that a run may begin here.

        Raises:
            TrainingError: the folder already holds a run, or something else.
        """
        if not self.path.exists() or all(path.name in TRACES for path in self.path.iterdir()):
            return
        what = "already holds a run; add --resume to go on with it" if self.exists() else "is not empty"
        raise TrainingError(f"{self.path} {what}, or choose another output.")

    def clear(self) -> None:
        """Removes what a run that came to no checkpoint left: begun again, it writes all of it anew."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        shutil.rmtree(self.trackers, ignore_errors=True)
        self.remove_results()
        # The recipe goes last: as long as it stands, what is left is known as a run's.
        for path in (self.log, self.progress, self.inputs, self.origin, self.environment, self.recipe):
            _remove_file(path)

    def remove_results(self) -> None:
        """Removes predictions, scores, card and pictures: they belong to a checkpoint that is no longer the last."""
        for path in (self.card, self.scores):
            _remove_file(path)
        for folder in (self.path / "predictions", self.pictures):
            shutil.rmtree(folder, ignore_errors=True)

    def create(
        self,
        recipe_yaml: str,
        machine: Mapping[str, Any] | None = None,
    ) -> None:
        """Begins a run in a folder that `check_free` accepts; `machine` tells what only torch knows of it."""
        self.check_free()
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.recipe, recipe_yaml)
        environment = _summarize_environment() | dict(machine or {})
        write_json(self.environment, environment)

    def read_recipe(self) -> Any:
        """What recipe.yaml holds, unchecked, with missing keys as they were then; None where it is no YAML any more."""
        try:
            values = yaml.safe_load(self.recipe.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            return None
        return bring_up_recipe(values) if isinstance(values, dict) else values

    def append_progress(self, event: dict) -> None:
        """Adds one line to progress.jsonl, on disk before it returns; a line that does not fit there leaves nothing."""
        line = (json.dumps(event, allow_nan=False) + "\n").encode()
        with name_refused(self.progress), self.progress.open("ab", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                # A disk that is nearly full takes the beginning of a line without an error.
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise

    def read_progress(self) -> Iterator[dict]:
        """The events so far; a last line that a crash cut short is left out.

        Raises:
            DataError: another line is no event.
        """
        if not self.progress.exists():
            return
        lines = self.progress.read_bytes().splitlines()
        for number, line in enumerate(lines, 1):
            event = _read_event(line)
            if event is not None:
                yield event
            elif number < len(lines):
                raise DataError(
                    f"{self.progress} line {number} is broken: it is no event with its step. Remove the line, or put "
                    "the file back as it was."
                )

    def crop_progress(self, step: int) -> None:
        """Drops the events behind a step, and any end, before a run goes on from its checkpoint."""
        kept = [event for event in self.read_progress() if event["step"] <= step and event["event"] != "end"]
        write_json_lines(self.progress, kept)

    def write_predictions(self, split: str, rows: list[dict]) -> None:
        """Writes predictions/<split>.jsonl with source, prediction and references."""
        self.predictions(split).parent.mkdir(exist_ok=True)
        write_json_lines(self.predictions(split), rows)


def _remove_file(path: Path) -> None:
    """Removes a file, and what a crash may have left of it while it was written."""
    path.with_name(f".{path.name}.partial").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _read_event(line: bytes) -> dict | None:
    try:
        event = json.loads(line)
    except ValueError:  # no JSON, or no UTF-8
        return None
    if not isinstance(event, dict) or not {"event", "step"} <= event.keys():
        return None
    return event


def _summarize_environment() -> dict:
    """What a result may depend on besides the recipe: versions, machine, command, date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": format_command(sys.argv),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": _list_versions(),
    }


def format_command(arguments: list[str]) -> str:
    """The command that began a program, as a shell reads it; the program goes by its name alone.

    ["/bin/seq2seq", "train", "my recipe.yaml"] -> "seq2seq train 'my recipe.yaml'"
    """
    program = Path(arguments[0])
    # `python -m seq2seq` runs seq2seq/__main__.py.
    module = f"python -m {program.parent.name}" if program.name == "__main__.py" else quote(program.name)
    return " ".join([module, *map(quote, arguments[1:])])


def _list_versions() -> dict[str, str]:
    """The versions of the packages that are installed."""
    versions = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions
