"""The script for the day a GPU is there, tests/benchmarks/gpu.sh: what it counts with, and all of it on a processor."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import EncoderDecoderModel

from tests.benchmarks.gpu_parts.flops import PEAKS, compute_share_of_peak, count_flops, find_peak
from tests.benchmarks.gpu_parts.report import format_table, to_rows
from tests.benchmarks.gpu_parts.sizes import build_config, find_size, make_up_examples

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests/benchmarks/gpu.sh"
MINUTES = 9


@pytest.fixture
def plain_attention():
    """A function that builds a model whose attention is products of matrices: torch does not count all fused forms."""

    def build(size):
        model = EncoderDecoderModel(build_config(size)).train()
        model.set_attn_implementation("eager")
        return model

    return build


@pytest.mark.parametrize(("sources", "targets"), [(7, 5), (16, 12)])
def test_formula_counts_what_torch_counts_of_pairs_without_padding(plain_attention, sources, targets):
    size = find_size("base", tiny=True)
    model = plain_attention(size)
    pairs = 3
    ids = torch.randint(5, size.vocabulary, (pairs, sources))
    labels = torch.randint(5, size.vocabulary, (pairs, targets))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss.backward()
    lengths = (numpy.full(pairs, sources), numpy.full(pairs, targets))
    assert count_flops(size, *lengths) == counter.get_total_flops()


def test_formula_by_hand():
    # One layer a side of width 2, inner width 8, 10 words; one pair of 3 and 1 tokens. Multiplications forward:
    # encoder 3 x (4x4 + 2x2x8) = 144 and attention 2 x 9 x 2 = 36; decoder 1 x 48 = 48 and 2 x 1 x 2 = 4;
    # cross-attention 2 x 4 x 4 = 32 and 2 x 3 x 1 x 2 = 12; output 1 x 2 x 10 = 20. 296 together, six times.
    size = replace(find_size("base", tiny=True), width=2, layers=1, vocabulary=10)
    assert count_flops(size, numpy.array([3]), numpy.array([1])) == 6 * 296


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA H200", "NVIDIA H200"),
        ("NVIDIA A100-SXM4-80GB", "NVIDIA A100"),
        ("NVIDIA A100 80GB PCIe", "NVIDIA A100"),
        ("NVIDIA A10", "NVIDIA A10"),
        ("NVIDIA L40S", "NVIDIA L40S"),
        ("NVIDIA L4", "NVIDIA L4"),
        ("Tesla T4", "Tesla T4"),
        ("NVIDIA A1000", None),
        ("NVIDIA A10G", None),
        ("NVIDIA L40", None),
        ("NVIDIA H200 NVL", None),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None),
        ("CPU", None),
    ],
)
def test_peak_is_that_of_the_device_and_of_no_namesake(device, name):
    assert find_peak(device) == (None if name is None else PEAKS[name])


def test_share_of_peak():
    # 10^6 tokens a second of 494.7 x 10^5 operations each are 49.47 x 10^12 of 494.7 x 10^12.
    assert compute_share_of_peak(1e6, 494.7e5, "NVIDIA H200", "tf32") == pytest.approx(0.1)


@pytest.mark.parametrize(("device", "number_type"), [("CPU", "fp32"), ("Tesla T4", "bf16")])
def test_share_of_a_peak_that_is_not_known_is_none(device, number_type):
    assert compute_share_of_peak(1e6, 1e6, device, number_type) is None


def test_made_up_pairs_have_the_lengths_of_their_size_and_no_marks():
    size = find_size("large", tiny=True)
    examples = make_up_examples(size, 50)
    assert (examples.sources.lengths.min(), examples.sources.lengths.max()) == (4, 16)
    assert (examples.labels.lengths.min(), examples.labels.lengths.max()) == (3, 12)
    assert examples.sources.ids.min() >= 5


def test_table_has_both_sides_in_a_row_and_says_why_a_figure_is_missing():
    base = {"part": "training", "size": "base"}
    rows = [
        {**base, "case": "bf16", "side": "ours", "tokens_per_second": 3000.0, "share_of_peak": 0.25},
        {**base, "case": "bf16", "side": "transformers", "tokens_per_second": 2000.0, "share_of_peak": 0.2},
        {**base, "case": "fp32", "side": "ours", "tokens_per_second": 500.0, "share_of_peak": None},
        {**base, "case": "fp32", "side": "transformers", "error": "OutOfMemoryError: too | large\nand so on"},
        {"part": "tests", "case": "need a GPU", "tests": 9, "failed": 1, "skipped": 2},
        {"part": "resume", "case": "fp32", "same_when_resumed": False, "same_when_repeated": True},
    ]
    assert [[cell for cell in row if cell] for row in to_rows(rows)] == [
        ["tests", "need a GPU", "1 failed, 2 skipped of 9"],
        ["training", "base", "bf16", "real tokens/s", "3,000", "2,000", "1.50", "0.250", "0.200"],
        ["training", "base", "fp32", "real tokens/s", "500.00", "OutOfMemoryError: too | large"],
        ["resume", "fp32", "bit for bit", "resumed differs, repeated same"],
    ]
    found = {"device": "CPU", "date": "today", "versions": {}, "size": "full", "peak": None, "share_of_peak": "formula"}
    table = format_table(found | {"parts": [], "rows": rows})
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len(lines) == 6
    assert {line.count("|") for line in lines} == {10}


def test_limits_of_all_parts_together_are_under_nine_minutes():
    # Each is the third word of a line `run NAME SECONDS ...`; what ran out of time has three seconds to end.
    limits = [int(line.split()[2]) for line in SCRIPT.read_text().splitlines() if line.startswith("run ")]
    assert len(limits) == 6
    assert sum(limit + 3 for limit in limits) < 60 * MINUTES


def test_script_does_not_begin_without_a_gpu(tmp_path):
    hidden = os.environ | {"PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    finished = subprocess.run([SCRIPT, "--output", tmp_path], env=hidden, capture_output=True, text=True)
    assert finished.returncode == 2
    assert "torch sees no GPU. To try the script without one: --cpu --size tiny." in finished.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_whole_script_runs_on_a_processor(tmp_path):
    # Each part may take six times as long: this is no measurement, and others may be at work here.
    variables = os.environ | {"PYTHON": sys.executable, "LIMIT_TIMES": "6"}
    command = [SCRIPT, "--cpu", "--size", "tiny", "--output", tmp_path]
    finished = subprocess.run(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert finished.returncode == 0, finished.stdout[-3000:]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpu.json", "gpu.md"]
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert {part["status"] for part in found["parts"]} == {"done"}
    assert not [row for row in found["rows"] if "error" in row]
    counts: dict[str, int] = {}
    for row in found["rows"]:
        counts[row["part"]] = counts.get(row["part"], 0) + 1
    # Training: fp32, TF32, bf16 and compiled, of both sides and sizes, but for the largest compilation of theirs.
    assert counts == {"tests": 2, "training": 15, "generation": 8, "memory": 8, "resume": 5}
    assert all(row["tokens_per_second"] > 0 for row in found["rows"] if row["part"] == "training")
    assert all(row["same_when_resumed"] for row in found["rows"] if row["part"] == "resume")
    assert all(row["equal_outputs"] == 1 for row in found["rows"] if "fp32" in row["case"] and "equal_outputs" in row)
