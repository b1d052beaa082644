"""The front matter of a model card: what the hub reads of it, written by the hub's own library, in its order of keys.

Only names that are known to be the hub's are given as such: a local path would lead there to a stranger's repository.
License and language stand in the card of a page on the hub alone, for whose sake its owner is asked for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..base.hub import parse_hub_split
from ..run_folder.record import RunRecord
from .run_tables import list_files

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

# The hub files what it calls text2text under text-generation now, as a subtask.
PIPELINES = {"summarization": "summarization", "translation": "translation"}
OTHER_PIPELINE = "text-generation"
HUB_METRICS = {"rouge1": "rouge", "rouge2": "rouge", "rougeL": "rouge", "rougeLsum": "rouge", "bleu": "sacrebleu"}
LOCAL_FILES = "local-files"


@dataclass(frozen=True)
class HubPage:
    """The page on the hub that a card is for, and what no file of a run tells of it.

    title: the name of the model. name, revision: of its repository; a revision of None is the main one.
    languages, license: by the hub's codes. license_name, license_link: of a license that has none.
    datasets: all that the hub has of what the model was trained on.
    """

    name: str
    title: str
    license: str
    languages: tuple[str, ...]
    datasets: tuple[str, ...] = ()
    revision: str | None = None
    license_name: str | None = None
    license_link: str | None = None

    def to_metadata(self) -> dict[str, Any]:
        """The same as the hub's library names it."""
        return {
            "datasets": list(self.datasets) or None,
            "language": list(self.languages),
            "license": self.license,
            "license_name": self.license_name,
            "license_link": self.license_link,
        }


def build_front_matter(record: RunRecord, page: HubPage | None = None) -> str:
    """The front matter of a run's card, from --- to ---; on a page of the hub with what its owner says."""
    task = record.recipe["task"]
    metadata: dict[str, Any] = {"datasets": list_hub_datasets(record.recipe["data"]["train"]) or None}
    title = record.name
    if page is not None:
        metadata = page.to_metadata()
        title = page.title
    is_warm = bool(record.origin["totals"]["initialised"])
    return _write_front_matter(
        base_model=_list_base_models(record) or None,
        eval_results=_list_results(record) or None,
        metrics=_list_metrics(record) or None,
        model_name=title if record.scores else None,
        pipeline_tag=find_pipeline(task),
        tags=[*_list_tags(task, record.plan, is_warm)],
        **metadata,
    )


def build_page_front_matter(description: Mapping[str, Any], page: HubPage) -> str:
    """That of a checkpoint without a run, of which seq2seq.json alone tells."""
    task = description["task"]
    return _write_front_matter(
        pipeline_tag=find_pipeline(task),
        tags=[*_list_tags(task, description["plan"], is_warm=False)],
        **page.to_metadata(),
    )


def _write_front_matter(**metadata: Any) -> str:
    from huggingface_hub import ModelCardData

    # The library leaves out what is None, and writes an empty list as one.
    data = ModelCardData(library_name="transformers", **metadata)
    return f"---\n{data.to_yaml()}\n---"


def find_pipeline(task: str) -> str:
    return PIPELINES.get(task, OTHER_PIPELINE)


def _name_hub_metric(metric: str) -> str:
    """The hub's name for a metric; what it does not know keeps ours."""
    return HUB_METRICS.get(metric, metric)


def _list_base_models(record: RunRecord) -> list[str]:
    """The hub's models that parameters were read from: a random start only takes their shape."""
    hub = record.inputs["hub_models"] if record.inputs else {}
    files = list_files(record.origin)
    used = []
    for role, name in hub.items():
        # A checkpoint that is trained on is read whole, wherever it was kept.
        is_read = role == "checkpoint" or any(file.startswith(f"{name}/") for file in files)
        if is_read and name not in used:
            used.append(name)
    return used


def list_hub_datasets(names: list[str]) -> list[str]:
    """The data sets among data names, without their revisions."""
    datasets = []
    for name in names:
        split = parse_hub_split(name)
        if split is not None and split.dataset not in datasets:
            datasets.append(split.dataset)
    return datasets


def _list_tags(task: str, plan: str, is_warm: bool) -> Iterator[str]:
    yield "seq2seq"
    yield "encoder-decoder"
    # A task of the user's own goes by package.module:OBJECT, which is no tag.
    if task and ":" not in task:
        yield task.replace("_", "-")
    if find_pipeline(task) == OTHER_PIPELINE:
        yield "text2text-generation"
    if is_warm:
        yield "warm-start"
    yield plan


def _find_values(record: RunRecord) -> dict[str, float]:
    """The model's own scores, which stand first."""
    if record.scores is None:
        return {}
    return next(iter(record.scores["rows"].values()))


def _list_metrics(record: RunRecord) -> list[str]:
    """The hub's names of the metrics that the model was scored by; several of ours may have one."""
    names = map(_name_hub_metric, _find_values(record))
    return list(dict.fromkeys(names))


def _list_results(record: RunRecord) -> list["EvalResult"]:
    from huggingface_hub import EvalResult

    if record.scores is None:
        return []
    task = record.recipe["task"]
    dataset = _summarize_test_data(record.recipe["data"]["test"], record.scores["split"])
    return [
        EvalResult(
            task_type=find_pipeline(task),
            task_name=task,
            metric_type=_name_hub_metric(metric),
            metric_name=metric,
            metric_value=_round(value),
            metric_args=_summarize_metric(record.scores, metric) or None,
            **dataset,
        )
        for metric, value in _find_values(record).items()
    ]


def _summarize_metric(scores: dict[str, Any], metric: str) -> dict[str, Any]:
    """How a metric of the model was computed, and its interval, as far as the run knows."""
    arguments: dict[str, Any] = {}
    signatures = scores["signatures"]
    if metric in signatures:
        arguments["signature"] = signatures[metric]
    model = next(iter(scores["rows"]))
    intervals = scores.get("intervals", {}).get(model, {})
    if metric in intervals:
        low, high = intervals[metric]
        arguments["interval"] = {
            "low": _round(low),
            "high": _round(high),
            "level": scores.get("bootstrap", {}).get("level", 0.95),
        }
    return arguments


def _summarize_test_data(names: list[str], split: str) -> dict[str, str | None]:
    """What `EvalResult` wants to know of a data set."""
    hub_split = parse_hub_split(names[0]) if len(names) == 1 else None
    if hub_split is not None:
        return {
            "dataset_type": hub_split.dataset,
            "dataset_name": hub_split.dataset,
            "dataset_config": hub_split.config or None,
            "dataset_split": hub_split.split,
            "dataset_revision": hub_split.revision or None,
        }
    shown = []
    for name in names:
        # The last two parts tell the data without the machine's folders.
        parts = name.split("/")
        shown.append("/".join(parts[-2:]))
    return {
        "dataset_type": LOCAL_FILES,
        "dataset_name": ", ".join(shown),
        "dataset_split": split,
    }


def _round(value: float) -> float:
    return round(value, 4)
