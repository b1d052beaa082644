"""The parts of gpu.sh, which starts each of them with a time limit; there is what they are for.

    python tests/benchmarks/gpu.py check                            is all there that the parts need?
    python tests/benchmarks/gpu.py training base --parts FOLDER     one part, whose rows go into FOLDER
    python tests/benchmarks/gpu.py report --parts FOLDER            the JSON file and the table of what is there

A part appends what it finds to a file of its own as it comes, so that a part that runs out of time leaves the rest.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

Record = Callable[[dict], None]
NEEDED = ("torch", "transformers", "accelerate", "pydantic", "rich", "typer", "yaml", "matplotlib", "pytest")


def check(options: argparse.Namespace) -> None:
    """Makes sure that the parts can begin.

    Raises:
        SystemExit: a package is missing, or the GPU.
    """
    missing = []
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            missing.append(f"{name} ({error})")
    if missing:
        raise SystemExit(
            f"{sys.executable} lacks what gpu.sh needs: {', '.join(missing)}. Where there is no network, bring wheels: "
            "pip install --no-index --no-deps --target SITE WHEELS, and PYTHONPATH=SITE."
        )
    import torch

    import seq2seq  # noqa: F401  or its own message of what it lacks

    if not torch.cuda.is_available() and not options.cpu:
        raise SystemExit("torch sees no GPU. To try the script without one: --cpu --size tiny.")


def append(path: Path, row: dict) -> None:
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def run_part(options: argparse.Namespace) -> None:
    """Runs a part; what it needs is imported with it."""
    record = partial(append, options.parts / f"{options.part}.jsonl")
    match options.part:
        case "tests":
            from gpu_parts.device_tests import run_tests

            run_tests(options, record)
        case "training":
            from gpu_parts.sides import measure_training

            measure_training(options.model, options, record)
        case "generation":
            from gpu_parts.generation import measure_generation

            measure_generation(options, record)
        case "memory":
            from gpu_parts.sides import measure_memory

            measure_memory(options, record)
        case "resume":
            from gpu_parts.resume import measure_resume

            measure_resume(options, record)
        case "report":
            from gpu_parts.report import write_report

            write_report(options)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["check", "tests", "training", "generation", "memory", "resume", "report"])
    parser.add_argument("model", nargs="?", choices=["base", "large"], default="base", help="of the part training")
    parser.add_argument("--parts", type=Path, help="folder of what the parts find")
    parser.add_argument("--output", type=Path, default=Path(), help="folder of gpu.json and gpu.md")
    parser.add_argument("--size", choices=["full", "tiny"], default="full", help="tiny tries the script itself")
    parser.add_argument("--cpu", action="store_true", help="no GPU is looked for")
    return parser


def main() -> None:
    options = build_parser().parse_args()
    check(options) if options.part == "check" else run_part(options)


if __name__ == "__main__":
    main()
