"""What the parts of gpu.py found, as one JSON file and one table of Markdown."""

import argparse
import importlib.metadata
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

import torch

from seq2seq.base.console import errors
from seq2seq.base.files import load_json_lines

from .flops import FORMULA, find_peak
from .sizes import FULL, find_size

TOLD_LINES = 30  # of what a part that failed printed last
STATUSES = {0: "done", 124: "ran out of time", 137: "ran out of time"}
HEADER = [
    "part",
    "size",
    "case",
    "unit",
    "ours",
    "transformers",
    "ours / transformers",
    "share of peak, ours",
    "theirs",
]
# The figure of each part's rows that the table shows, its unit, and what it is divided by.
FIGURES = {
    "training": ("tokens_per_second", "real tokens/s", 1),
    "generation": ("texts_per_second", "texts/s", 1),
    "memory": ("peak_bytes", "GiB allocated at most", 2**30),
}


def write_report(options: argparse.Namespace) -> None:
    """Writes gpu.json and gpu.md into the output folder, and prints the table."""
    found = summarize(options)
    table = format_table(found)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")
    (options.output / "gpu.md").write_text(table)
    print(table)
    errors().print(f"Written: {options.output / 'gpu.json'} and {options.output / 'gpu.md'}")


def summarize(options: argparse.Namespace) -> dict:
    """All that was found, with the machine it was found on."""
    statuses = load_json_lines(options.parts / "status.jsonl")
    rows = []
    for part in ("tests", "training", "generation", "memory", "resume"):
        path = options.parts / f"{part}.jsonl"
        rows += [{"part": part, **row} for row in (load_json_lines(path) if path.exists() else [])]
    for status in statuses:
        status["status"] = STATUSES.get(status["exit_status"], "failed")
        if status["exit_status"]:
            log = options.parts / f"{status['part']}.log"
            status["printed_last"] = log.read_text(errors="replace").splitlines()[-TOLD_LINES:]
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    peak = find_peak(device)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": options.size,
        "models": {name: asdict(find_size(name, tiny=options.size == "tiny")) for name in FULL},
        "device": device,
        "peak": None if peak is None else vars(peak),
        "share_of_peak": FORMULA,
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "transformers", "accelerate")}
        | {"python": platform.python_version(), "cuda": torch.version.cuda},
        "parts": statuses,
        "rows": rows,
    }


def format_table(found: dict) -> str:
    """One table of Markdown, with what it is of above it."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items() if version)
    title = f"# {found['device']}, {found['date']}\n\n{versions}. "
    if found["size"] == "tiny":
        title += "Tiny sizes: a trial of the script, no measurement. "
    if found["peak"] is not None:
        title += f"Peak: {found['peak']['source']}. "
    parts = ", ".join(f"{part['part']} {part['status']} ({part['seconds']} s)" for part in found["parts"])
    lines = [title + found["share_of_peak"], "", f"Parts: {parts}.", "", _format_row(HEADER)]
    lines.append(_format_row(["---"] * 4 + ["---:"] * 5))
    lines += [_format_row(row) for row in to_rows(found["rows"])]
    return "\n".join(lines) + "\n"


def _format_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def to_rows(rows: list[dict]) -> list[list[str]]:
    """The table's rows: those of both sides of a case in one."""
    made = []
    pairs: dict[tuple, dict] = {}
    for row in rows:
        if row["part"] in FIGURES:
            pairs.setdefault((row["part"], row["size"], row["case"]), {})[row["side"]] = row
    made += [to_tests_row(row) for row in rows if row["part"] == "tests"]
    made += [to_pair_row(*key, sides) for key, sides in pairs.items()]
    made += [to_resume_row(row) for row in rows if row["part"] == "resume"]
    return [[*row, *[""] * (len(HEADER) - len(row))] for row in made]


def to_tests_row(row: dict) -> list[str]:
    told = row.get("error") or f"{row['failed']} failed, {row['skipped']} skipped of {row['tests']}"
    return ["tests", "", row["case"], "", told]


def to_pair_row(part: str, size: str, case: str, sides: dict[str, dict]) -> list[str]:
    name, unit, divisor = FIGURES[part]
    values = {side: None if row.get(name) is None else row[name] / divisor for side, row in sides.items()}
    told = [format_figure(sides, values, side) for side in ("ours", "transformers")]
    both = values.get("ours") is not None and bool(values.get("transformers"))
    ratio = f"{values['ours'] / values['transformers']:.2f}" if both else ""
    shares = [sides.get(side, {}).get("share_of_peak") for side in ("ours", "transformers")]
    return [part, size, case, unit, *told, ratio, *("" if share is None else f"{share:.3f}" for share in shares)]


def format_figure(sides: dict[str, dict], values: dict[str, float | None], side: str) -> str:
    """A figure, or why there is none."""
    if side not in sides:
        return "not measured"
    if "error" in sides[side]:
        return sides[side]["error"].split("\n")[0][:80]
    value = values[side]
    return "not known" if value is None else f"{value:,.2f}" if value < 1000 else f"{value:,.0f}"


def to_resume_row(row: dict) -> list[str]:
    if "error" in row:
        return ["resume", "", row["case"], "", row["error"].split("\n")[0][:80]]
    words = {True: "same", False: "differs", None: ""}
    told = f"resumed {words[row['same_when_resumed']]}"
    if "same_when_repeated" in row:
        told += f", repeated {words[row['same_when_repeated']]}"
    return ["resume", "", row["case"], "bit for bit", told]
