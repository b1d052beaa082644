"""The front matter of a model card: what the hub reads of it, as YAML.

Only names that are known to be the hub's are given as such: a local path would lead there to a stranger's repository.
License and language are left out, because no recipe knows them.
"""

from typing import Any

import yaml

from ..run_folder.record import RunRecord
from .origin import list_files

# The hub files what it calls text2text under text-generation now, as a subtask.
PIPELINES = {"summarization": "summarization", "translation": "translation"}
OTHER_PIPELINE = "text-generation"
HUB_METRICS = {"rouge1": "rouge", "rouge2": "rouge", "rougeL": "rouge", "rougeLsum": "rouge", "bleu": "sacrebleu"}
HUB_PREFIX = "hub:"  # of data names: hub:NAME:CONFIG:SPLIT, where NAME may end in @REVISION
LOCAL_FILES = "local-files"


def build_front_matter(record: RunRecord) -> str:
    """The card's head, from --- to ---."""
    task, scores = record.recipe["task"], record.scores
    values = {
        "library_name": "transformers",
        "pipeline_tag": find_pipeline(task),
        "base_model": list_base_models(record),
        "datasets": list_hub_datasets(record.recipe["data"]["train"]),
        "metrics": list(dict.fromkeys(name_hub_metric(metric) for metric in _list_values(record))),
        "tags": _list_tags(record),
        "model-index": [{"name": record.name, "results": [_summarize_results(record)]}] if scores else [],
    }
    text = yaml.safe_dump({key: value for key, value in values.items() if value}, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---"


def find_pipeline(task: str) -> str:
    return PIPELINES.get(task, OTHER_PIPELINE)


def name_hub_metric(metric: str) -> str:
    """The hub's name for a metric; what it does not know keeps ours."""
    return HUB_METRICS.get(metric, metric)


def list_base_models(record: RunRecord) -> list[str]:
    """The hub's models that parameters were read from: a random start only takes their shape."""
    hub = record.inputs["hub_models"] if record.inputs else {}
    files = list_files(record.origin)
    used = [
        name for role, name in hub.items() if role == "checkpoint" or any(file.startswith(f"{name}/") for file in files)
    ]
    return list(dict.fromkeys(used))


def list_hub_datasets(names: list[str]) -> list[str]:
    """The data sets among data names, without their revisions."""
    return list(dict.fromkeys(name.split(":")[1].partition("@")[0] for name in names if name.startswith(HUB_PREFIX)))


def _list_tags(record: RunRecord) -> list[str]:
    task, plan = record.recipe["task"], record.plan
    tags = ["seq2seq", "encoder-decoder"]
    # A task of the user's own goes by package.module:OBJECT, which is no tag.
    tags += [task.replace("_", "-")] if ":" not in task else []
    tags += ["text2text-generation"] if find_pipeline(task) == OTHER_PIPELINE else []
    tags += ["warm-start"] if record.origin["totals"]["initialised"] else []
    return [*tags, plan]


def _list_values(record: RunRecord) -> dict[str, float]:
    """The model's own scores, which stand first."""
    return next(iter(record.scores["rows"].values())) if record.scores else {}


def _summarize_results(record: RunRecord) -> dict[str, Any]:
    scores, task = record.scores, record.recipe["task"]
    row = next(iter(scores["rows"]))
    intervals = scores.get("intervals", {}).get(row, {})
    metrics = []
    for metric, value in scores["rows"][row].items():
        arguments = {"signature": scores["signatures"][metric]} if metric in scores["signatures"] else {}
        if metric in intervals:
            level = scores.get("bootstrap", {}).get("level", 0.95)
            arguments["interval"] = {"low": _round(intervals[metric][0]), "high": _round(intervals[metric][1])}
            arguments["interval"]["level"] = level
        described = {"type": name_hub_metric(metric), "name": metric, "value": _round(value)}
        metrics.append(described | ({"args": arguments} if arguments else {}))
    return {
        "task": {"type": find_pipeline(task), "name": task},
        "dataset": _summarize_test_data(record.recipe["data"]["test"], scores["split"]),
        "metrics": metrics,
    }


def _summarize_test_data(names: list[str], split: str) -> dict[str, str]:
    if len(names) == 1 and names[0].startswith(HUB_PREFIX):
        dataset, config, split = [*names[0].split(":", 3), "", ""][1:4]
        dataset, _, revision = dataset.partition("@")
        described = {"type": dataset, "name": dataset, "config": config, "split": split, "revision": revision}
        return {key: value for key, value in described.items() if value}
    # The last two parts tell the data without the machine's folders.
    shown = ", ".join("/".join(name.split("/")[-2:]) for name in names)
    return {"type": LOCAL_FILES, "name": shown, "split": split}


def _round(value: float) -> float:
    return round(value, 4)
