"""The resume part of gpu.py: is a run that goes on from a checkpoint the run that was left alone, bit for bit?

On a GPU the same run may differ from itself, where a kernel adds up in an order of its own. So each case also says
whether the run left alone, done twice, is the same; and there are cases with deterministic kernels alone.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

import seq2seq
from seq2seq.base.console import errors
from seq2seq.base.files import compute_sha256
from tests.conftest import save_bert
from tests.training.runs import copy_up_to_step_3, read_events, write_recipe

Record = Callable[[dict], None]
BERT = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
TINY_BERT = {"hidden_size": 32}
KILLS = {"full": 3, "tiny": 1}


def measure_resume(options: argparse.Namespace, record: Record) -> None:
    """The part `resume`: runs cut short and gone on with, and runs killed with SIGKILL, of fp32 and bf16."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # before the first product; deterministic kernels want it
    tiny = options.size == "tiny"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEQ2SEQ_CACHE"] = str(Path(folder) / "cache")  # the user's own is left alone
        bert = save_bert(Path(folder) / "bert", **(TINY_BERT if tiny else BERT), initializer_range=0.02)
        for precision in ("fp32", "bf16"):
            for deterministic in (False, True):
                torch.use_deterministic_algorithms(deterministic, warn_only=True)
                name = f"{precision} deterministic" if deterministic else precision
                errors().print(f"{name}: a run, the same once more, and from its middle on")
                record({"case": name, **compare_runs(Path(folder), bert, name.replace(" ", "_"), precision)})
    torch.use_deterministic_algorithms(False)
    kills = KILLS["tiny" if tiny else "full"]
    errors().print(f"{kills} kills with SIGKILL")
    record({"case": "fp32 killed", **kill_runs(kills)})


def compare_runs(folder: Path, bert: Path, name: str, precision: str) -> dict:
    """Whether a run, repeated and gone on with from its third of six steps, has the same weights and optimizer."""
    changes = {"precision": precision, "checkpoint_every_steps": 3}
    runs = {}
    for which in ("alone", "again"):
        runs[which] = seq2seq.train(write_recipe(folder, bert, f"{name}_{which}", **changes))
    path = write_recipe(folder, bert, f"{name}_resumed", **changes)
    copy_up_to_step_3(runs["alone"], path.with_suffix(""))
    runs["resumed"] = seq2seq.train(path, resume=True)
    expected, again, resumed = (summarize_end(run) for run in runs.values())
    return {
        "same_when_repeated": again == expected,
        "same_when_resumed": resumed == expected,
        "differing": sorted(key for key in expected if resumed.get(key) != expected[key]),
    }


def summarize_end(run: Path) -> dict:
    """The losses of a run, and what its last checkpoint holds."""
    last = run / "checkpoints/step_00000006"
    files = [last / "model.safetensors", *sorted(last.glob("training/*.safetensors"))]
    figures = [(row["loss"], row["gradient_norm"]) for row in read_events(run, "train")]
    return {"losses and norms": figures} | {path.name: compute_sha256(path) for path in files}


def kill_runs(kills: int) -> dict:
    """What kill_and_resume.py says of some kills."""
    script = Path(__file__).parents[1] / "kill_and_resume.py"
    finished = subprocess.run(
        [sys.executable, str(script), "--quick", "--kills", str(kills), "--seed", "3861"],
        stdout=subprocess.PIPE,
        text=True,
    )
    print(finished.stdout)
    lines = finished.stdout.splitlines()
    try:
        result = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {"error": f"kill_and_resume.py ended with status {finished.returncode}: {' '.join(lines[-3:])}"[:500]}
    return {"same_when_resumed": result["identical"], **result}
