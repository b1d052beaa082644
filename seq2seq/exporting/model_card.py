"""The model card of a run: README.md of the run folder, in Markdown. Figures and strings only; loads no model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..modeling.families import T5_FAMILIES
from ..reports.tables import score_rows
from ..warmstart.origin import OriginReport, summarize

PLAIN_USE = """\
```python
from transformers import {model_class}, AutoTokenizer

folder = "{checkpoint}"
tokenizer = AutoTokenizer.from_pretrained(folder)
{target_line}\
model = {model_class}.from_pretrained(folder)
inputs = tokenizer(["A text."], return_tensors="pt", padding=True, truncation=True)
print({target}.batch_decode(model.generate(**inputs), skip_special_tokens=True))
```
"""
T5_USE = """\
transformers takes the config of a T5 encoder for a whole T5, so the encoder has to be handed over:

```python
from safetensors.torch import load_file
from transformers import AutoConfig, AutoTokenizer, EncoderDecoderModel, GenerationConfig, T5EncoderModel

folder = "{checkpoint}"
config = AutoConfig.from_pretrained(folder)
model = EncoderDecoderModel(config, encoder=T5EncoderModel(config.encoder)).eval()
model.load_state_dict(load_file(f"{{folder}}/model.safetensors"), strict=False)
model.generation_config = GenerationConfig.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
{target_line}\
inputs = tokenizer(["A text."], return_tensors="pt", padding=True, truncation=True)
print({target}.batch_decode(model.generate(**inputs), skip_special_tokens=True))
```
"""


def build_model_card(
    recipe: Mapping[str, Any],
    origin: OriginReport,
    *,
    model_class: str,
    encoder_type: str | None,
    checkpoint: str,
    two_tokenizers: bool,
    scores: Mapping[str, Any] | None = None,
) -> str:
    """The card's text.

    Args:
        recipe: the resolved recipe, as plain mappings.
        model_class: the class of transformers that loads the checkpoints; encoder_type: the model type of its encoder.
        checkpoint: where the run's checkpoints stand, from its folder.
        two_tokenizers: whether the target has a tokenizer of its own.
        scores: what scores.json holds, once the run has been scored.
    """
    model = recipe["model"]
    sides = [f"{side} {model[side]}" for side in ("encoder", "decoder", "checkpoint") if model.get(side)]
    parts = [
        f"# {recipe['task']}, {model['plan']}",
        f"Plan `{model['plan']}`, {' and '.join(sides)}; trained on {', '.join(map(str, recipe['data']['train']))}.",
        "## Use",
        f'`seq2seq generate {checkpoint} --text "A text."`, or in plain transformers:',
        _describe_plain_use(model_class, encoder_type, checkpoint, two_tokenizers),
        "## Where the parameters came from",
        build_markdown_table(*summarize(origin)),
        _list_files(origin),
        *origin.notes,
        "## Settings",
        "\n".join(_list_settings(recipe)),
    ]
    if scores is not None:
        parts += [
            "## Scores",
            f"{scores['examples']} {scores['split']} pairs.",
            build_markdown_table(*score_rows(scores["rows"])),
        ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _describe_plain_use(model_class: str, encoder_type: str | None, checkpoint: str, two_tokenizers: bool) -> str:
    of_t5 = model_class == "EncoderDecoderModel" and encoder_type in T5_FAMILIES
    target_line = 'target_tokenizer = AutoTokenizer.from_pretrained(f"{folder}/target_tokenizer")\n'
    return (T5_USE if of_t5 else PLAIN_USE).format(
        model_class=model_class,
        checkpoint=checkpoint,
        target_line=target_line if two_tokenizers else "",
        target="target_tokenizer" if two_tokenizers else "tokenizer",
    )


def _list_files(origin: OriginReport) -> str:
    files = dict.fromkeys(row.file for row in origin.parameters if row.file)
    listed = (
        f"Read from {', '.join(f'`{file}`' for file in files)}." if files else "Nothing was read from a checkpoint."
    )
    unused = f" {len(origin.unused_tensors)} tensors of these files found no use." if origin.unused_tensors else ""
    return f"{listed}{unused} Every parameter with its file and tensor: `origin.json`."


def _list_settings(recipe: Mapping[str, Any]) -> Iterable[str]:
    yield f"- seed: {recipe['seed']}"
    for section in ("model", "data", "training", "generation"):
        for key, value in recipe[section].items():
            if value not in (None, False, [], {}, ()):
                yield f"- {section}.{key}: {value}"


def build_markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
