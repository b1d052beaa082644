"""How to use the model of a run: our commands, and code for plain transformers that needs none of this project."""

import json
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from .markdown import build_code_block, escape_markdown

PLAIN_USE = """\
from transformers import {model_class}, AutoTokenizer

folder = {checkpoint}
tokenizer = AutoTokenizer.from_pretrained(folder)
{target_line}\
model = {model_class}.from_pretrained(folder)
inputs = tokenizer(["A text."], return_tensors="pt", padding=True, truncation=True)
print({target}.batch_decode(model.generate(**inputs), skip_special_tokens=True))"""
HANDED_OVER_USE = """\
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForTextEncoding, AutoTokenizer, EncoderDecoderModel, GenerationConfig

folder = {checkpoint}
config = AutoConfig.from_pretrained(folder)
encoder = AutoModelForTextEncoding.from_config(config.encoder)
model = EncoderDecoderModel(config, encoder=encoder).eval()
model.load_state_dict(load_file(f"{{folder}}/model.safetensors"), strict=False)
model.generation_config = GenerationConfig.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
{target_line}\
inputs = tokenizer(["A text."], return_tensors="pt", padding=True, truncation=True)
print({target}.batch_decode(model.generate(**inputs), skip_special_tokens=True))"""
EXPORT = """\
seq2seq export {run} --output {exported} --format transformers"""
EXPORTED = "exported"
TARGET_LINE = 'target_tokenizer = AutoTokenizer.from_pretrained(f"{folder}/target_tokenizer")\n'
OF_HANDED_OVER = "transformers takes the config of this encoder for a whole model's; it has to be handed over:"
OF_GNMT = "transformers knows length^alpha alone; the length penalty of this run is ((5 + length) / 6)^alpha."
OF_PREFIX = "The forced beginning of outputs (`generation.target_prefix`) is left to you, too."
OF_PRUNED = "Heads were pruned, and transformers knows one number of heads for all layers. The export has zeros there:"
COMMANDS = """\
seq2seq generate {run} --text "A text."
seq2seq evaluate {run} --data {data} --output evaluation"""

ROW_COMMANDS = """\
seq2seq generate {run} --input {data} --output outputs.jsonl
seq2seq evaluate {run} --data {data} --output evaluation"""
TEXT = "text"  # the kind of source that a command line and plain transformers can read


def format_commands(run: str, data: str) -> str:
    """The commands that write and score texts with a run's model."""
    return build_code_block(COMMANDS.format(run=quote(run), data=quote(data)), "bash")


def format_row_commands(run: str, data: str) -> str:
    """The same for a model whose sources are no texts."""
    return build_code_block(ROW_COMMANDS.format(run=quote(run), data=quote(data)), "bash")


def list_plain_use_lines(
    model: Mapping[str, Any],
    run: str,
    checkpoint: str,
    normalization: Sequence[str] = (),
    generation: Mapping[str, Any] | None = None,
) -> list[str]:
    """Code for a checkpoint folder, which leaves `data.normalization` and what else it lacks to its reader.

    Args:
        generation: the recipe's section.
        model: `model` of inputs.json: the class that loads it, whether an encoder has to be handed to that class,
            whether the target has a tokenizer of its own, and whether heads were pruned.
        run: the run folder. checkpoint: the folder of its checkpoint.
    """
    notes = ["Or in plain transformers:"]
    if model["hands_over_t5_encoder"]:
        notes.append(OF_HANDED_OVER)
    if normalization:
        advice = f"The model was trained on texts after {', '.join(normalization)}; this code leaves that to you:"
        notes.append(escape_markdown(advice))
    notes += _list_generation_notes(generation or {})
    if model.get("pruned", False):
        export = EXPORT.format(run=quote(run), exported=EXPORTED)
        notes += [OF_PRUNED, build_code_block(export, "bash")]
        checkpoint = EXPORTED
    return [*notes, _build_code(model, checkpoint)]


def _list_generation_notes(generation: Mapping[str, Any]) -> list[str]:
    notes = []
    if generation.get("length_penalty_form") == "gnmt":
        notes.append(OF_GNMT)
    if generation.get("target_prefix"):
        notes.append(OF_PREFIX)
    return notes


def _build_code(model: Mapping[str, Any], folder: str) -> str:
    template = HANDED_OVER_USE if model["hands_over_t5_encoder"] else PLAIN_USE
    code = template.format(
        model_class=model["class"],
        checkpoint=json.dumps(folder, ensure_ascii=False),
        target_line=TARGET_LINE if model["two_tokenizers"] else "",
        target="target_tokenizer" if model["two_tokenizers"] else "tokenizer",
    )
    return build_code_block(code, "python")
