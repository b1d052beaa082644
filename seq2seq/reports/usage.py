"""How to use the model of a run: our commands, and code for plain transformers that needs none of this project."""

import json
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from .markdown import build_code_block, escape_markdown

DOWNLOAD_IMPORT = "from huggingface_hub import snapshot_download\n"
PLAIN_USE = """\
{download_import}\
from transformers import {model_class}, AutoTokenizer

folder = {checkpoint}
tokenizer = AutoTokenizer.from_pretrained(folder)
{target_line}\
model = {model_class}.from_pretrained(folder)
inputs = tokenizer(["A text."], return_tensors="pt", padding=True, truncation=True)
print({target}.batch_decode(model.generate(**inputs), skip_special_tokens=True))"""
HANDED_OVER_USE = """\
{download_import}\
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
GENERATE = 'seq2seq generate {run} --text "A text."'
ROW_GENERATE = "seq2seq generate {run} --input sources.jsonl --output outputs.jsonl"
TEXT = "text"  # the kind of source that a command line and plain transformers can read


def format_commands(run: str, data: str) -> str:
    """The commands that write and score texts with a run's model."""
    return build_code_block(COMMANDS.format(run=quote(run), data=quote(data)), "bash")


def format_row_commands(run: str, data: str) -> str:
    """The same for a model whose sources are no texts."""
    return build_code_block(ROW_COMMANDS.format(run=quote(run), data=quote(data)), "bash")


def format_generate_command(run: str) -> str:
    """The command that writes texts alone, where no data are known to score them on."""
    return build_code_block(GENERATE.format(run=quote(run)), "bash")


def format_row_generate_command(run: str) -> str:
    """The same for a model whose sources are no texts."""
    return build_code_block(ROW_GENERATE.format(run=quote(run)), "bash")


def list_plain_use_lines(
    model: Mapping[str, Any],
    run: str,
    checkpoint: str,
    normalization: Sequence[str] = (),
    generation: Mapping[str, Any] | None = None,
    download: str | None = None,
) -> list[str]:
    """Code for a checkpoint folder, which leaves `data.normalization` and what else it lacks to its reader.

    Args:
        download: the expression that gives the folder, of a checkpoint on the hub.
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
        download = None
    return [*notes, _build_code(model, checkpoint, download)]


def format_download(name: str, revision: str | None) -> str:
    """The expression that downloads a repository of the hub and gives its folder."""
    arguments = json.dumps(name)
    if revision is not None:
        arguments += f", revision={json.dumps(revision)}"
    return f"snapshot_download({arguments})"


def format_download_command(name: str, revision: str, folder: str) -> str:
    """The command that puts a revision of a repository into a folder."""
    return build_code_block(
        f"hf download {quote(name)} --revision {quote(revision)} --local-dir {quote(folder)}", "bash"
    )


def _list_generation_notes(generation: Mapping[str, Any]) -> list[str]:
    notes = []
    if generation.get("length_penalty_form") == "gnmt":
        notes.append(OF_GNMT)
    if generation.get("target_prefix"):
        notes.append(OF_PREFIX)
    return notes


def _build_code(model: Mapping[str, Any], folder: str, download: str | None) -> str:
    template = HANDED_OVER_USE if model["hands_over_t5_encoder"] else PLAIN_USE
    code = template.format(
        model_class=model["class"],
        download_import="" if download is None else DOWNLOAD_IMPORT,
        checkpoint=json.dumps(folder, ensure_ascii=False) if download is None else download,
        target_line=TARGET_LINE if model["two_tokenizers"] else "",
        target="target_tokenizer" if model["two_tokenizers"] else "tokenizer",
    )
    return build_code_block(code, "python")
