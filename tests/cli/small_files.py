"""Small files that commands are given: a recipe, and outputs beside their sources and references."""

import json

import yaml


def write_recipe(tmp_path, tiny_bert, pairs, **changes):
    values = {
        "task": "sentence_fusion",
        "output": str(tmp_path / "run"),
        "model": {"plan": "bertshare", "encoder": str(tiny_bert)},
        "data": {"train": str(pairs), "test": str(pairs), "max_source_tokens": 16, "max_target_tokens": 16},
        "training": {"batch_examples": 2, "max_steps": 2},
        "generation": {"num_beams": 1, "max_target_tokens": 5},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def write_predictions(path, predictions, references=("a cat", "a dog", "a bird"), sources=("x y", "a b", "c d")):
    columns = zip(sources, predictions, references, strict=True)
    lines = [
        json.dumps({"source": source, "prediction": text, "references": [row]}) + "\n" for source, text, row in columns
    ]
    path.write_text("".join(lines))
    return path
