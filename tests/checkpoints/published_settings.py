"""Published generation configs with changed settings, and what plain transformers writes by them.

Plain is `generate` with a cache of its own and plain ids in return; its other settings are the file's.
"""

import json
from pathlib import Path

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from tests.published import ENGLISH, draw_sentences

SOURCES = draw_sentences(ENGLISH, 12, 3)
# What plain `generate` is told besides, without which it would return other things, or none of them at all.
PLAIN = {
    "use_cache": True, "cache_implementation": None, "return_dict_in_generate": False, "num_return_sequences": 1,
    "output_attentions": False, "low_memory": None,
}  # fmt: skip
FAMILIES = ("bart", "t5", "mbart50", "marian", "pegasus", "t5gemma")


def change_json(path: Path, **values) -> None:
    changed = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}))


def move_settings(folder: Path, **settings) -> None:
    """Takes a generation config into config.json, where it stood before 2023, with further settings."""
    path = folder / "generation_config.json"
    change_json(folder / "config.json", **(json.loads(path.read_text()) | settings))
    path.unlink()


def write_plainly(folder: Path, **settings) -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = generate_plainly(folder, **settings)
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def generate_plainly(folder: Path, **settings) -> torch.Tensor:
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    inputs = AutoTokenizer.from_pretrained(folder)(SOURCES, return_tensors="pt", padding=True)
    return model.generate(**inputs, **(PLAIN | settings))
