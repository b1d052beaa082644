"""What tests of runs need: data, a run's events, the slow average of its weights, and a launch on several processes."""

import hashlib
import json
import shutil
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from transformers import EncoderDecoderModel

from seq2seq import warm_start
from seq2seq.generation.generator import Generated, Output
from seq2seq.run_folder.folder import RunFolder
from seq2seq.text.tokenizers import encode_texts

WORDS = "cat dog bird fish sat ran flew swam mat road tree sea".split()


def write_pairs(path: Path, count: int, start: int = 0) -> str:
    """Sources of 2 to 7 words; targets are the same words backwards."""
    rows = []
    for number in range(start, start + count):
        words = [WORDS[(number * 5 + position * (1 + number % 7)) % 12] for position in range(2 + number % 6)]
        rows.append({"source": " ".join(words), "target": " ".join(reversed(words))})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write_recipe(
    folder: Path, bert: Path, name: str = "run", model: dict | None = None, data: dict | None = None, **training
) -> Path:
    """A recipe file of that name whose run folder stands beside it: six steps of 8 of 40 pairs, and the changes.

    It is the same run on every machine: its precision is named.
    """
    values = {
        "task": "sentence_fusion",
        "output": str(folder / name),
        "model": {"plan": "bert2bert", "encoder": str(bert)} | (model or {}),
        "data": {"train": write_pairs(folder / "train.jsonl", 40), "max_source_tokens": 16, "max_target_tokens": 16}
        | (data or {}),
        "training": {
            "batch_examples": 8, "max_steps": 6, "log_every_steps": 1, "learning_rate": 1e-3, "precision": "fp32",
        } | training,
        "generation": {"num_beams": 1, "max_target_tokens": 10},
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def as_generated(texts: list[str]) -> Generated:
    """Outputs as a generator gives them."""
    return Generated([[Output(text)] for text in texts])


def copy_up_to_step_3(run: Path, copy: Path) -> None:
    """A copy of a run of up to six steps whose later checkpoints are lost."""
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("step_0000000[456]"))


def read_events(folder: Path, event: str) -> list[dict]:
    return [row for row in RunFolder(folder).read_progress() if row["event"] == event]


def hash_weights(folder: Path, step: int) -> str:
    return hashlib.sha256((folder / f"checkpoints/step_{step:08d}/model.safetensors").read_bytes()).hexdigest()


def compute_averages(start: nn.Module, run: Path, step: int, *, decay: float) -> dict[str, torch.Tensor]:
    """The moving averages after a step, in float64: one update after the other over the weights saved with each."""
    weights = load_file(run / "checkpoints/step_00000001/training/weights.safetensors")
    averages = {name: start.get_parameter(name).detach().double() for name in weights}
    for number in range(1, step + 1):
        share = min(decay, (1 + number) / (10 + number))
        weights = load_file(run / f"checkpoints/step_{number:08d}/training/weights.safetensors")
        averages = {name: share * average + (1 - share) * weights[name] for name, average in averages.items()}
    return averages


def compute_expected_step(tiny_bert: Path, pairs: Path) -> tuple[float, float]:
    """Loss a token and gradient norm of all pairs: one by one in plain transformers, summed, divided once."""
    started = warm_start(plan="bert2bert", encoder=str(tiny_bert))
    rows = [json.loads(line) for line in pairs.read_text().splitlines()]
    total, tokens = torch.zeros(()), 0
    for row in rows:
        source, target = encode_texts(started.tokenizers.source, [row["source"], row["target"]])
        source, labels = [2, *source, 3], [*target, 3]
        logits = EncoderDecoderModel.forward(
            started.model, input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[2, *target]])
        ).logits
        total = total + functional.cross_entropy(logits[0], torch.tensor(labels), reduction="sum")
        tokens += len(labels)
    (total / tokens).backward()
    norm = torch.sqrt(sum(parameter.grad.square().sum() for parameter in started.model.parameters()))
    return total.item() / tokens, norm.item()
