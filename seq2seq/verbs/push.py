"""A checkpoint put on the hub, with a card and without what is its owner's alone. Loads no model, imports no torch."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.console import messages
from ..base.errors import HubError
from ..base.files import load_json, write_json
from ..base.formats import format_bytes
from ..base.hub import parse_hub_split
from ..base.hub_terms import find_language
from ..base.hub_upload import MAIN, Destination, Repository, find_repository, upload_folder
from ..base.mappings import flatten
from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.description import CheckpointDescription
from ..checkpoints.find import find_checkpoint
from ..checkpoints.manifest import MANIFEST_FILE, load_manifest
from ..checkpoints.uploads import (
    CARD_FILE,
    PICTURES_FOLDER,
    check_uploaded,
    list_left_out,
    list_replaced,
    list_uploaded,
)
from ..families.table import FAMILIES
from ..metrics.stemming import find_language_code
from ..reports.front_matter import HubPage, list_hub_datasets
from ..reports.hub_card import build_checkpoint_card, hide_machine
from ..reports.model_card import CardParts, build_model_card
from ..run_folder.folder import RunFolder
from ..run_folder.record import RunRecord, load_run_record
from ..run_folder.steps import CHECKPOINTS_FOLDER
from ..text.tokenizer_files import TARGET_FOLDER
from .early_checks import NO_DATASETS, check_push
from .options.push import PushOptions
from .report.card import choose_samples, list_defaults

PICTURES = ("curves", "lengths", "output_lengths")  # of a run's card


@dataclass(frozen=True)
class Known:
    """What is said of a model, or what its run knows, of the three things that a card on the hub should tell.

    None is what nobody knows yet.
    """

    license: str | None
    language: tuple[str, ...] | None
    datasets: tuple[str, ...] | None

    def list_missing(self) -> list[str]:
        """The options that have to be given."""
        return [name for name, value in vars(self).items() if value is None]


@dataclass(frozen=True)
class Pushed:
    """What was uploaded, or would be.

    name: of the repository, with its namespace where that is known. files: bytes by name. left_out: what else lies in
    the checkpoint's folder. address: None after a dry run.
    """

    name: str
    folder: Path
    files: dict[str, int]
    left_out: list[str]
    card: str
    address: str | None

    @property
    def size(self) -> str:
        """All bytes together, for people."""
        return format_bytes(sum(self.files.values()))


@dataclass(frozen=True)
class _Checked:
    """A checkpoint that may be pushed: its folder and the files in it that go, and its run, where it has one."""

    folder: Path
    names: list[str]
    description: CheckpointDescription
    record: RunRecord | None


@takes_options(PushOptions)
def push(checkpoint: str | Path, name: str, **given: Any) -> Pushed:
    """Uploads a checkpoint to the hub, with a model card and without the state of its training.

    All is checked before anything is made there. An earlier upload is replaced, and a repository with other files
    refused. Predictions, logs and other files of the run stay here.

    Example: push("runs/mine", "me/mine", license="mit", language="de", datasets="none", dry_run=True)

    Args:
        checkpoint: a run folder (its best, else newest checkpoint) or a checkpoint folder.
        name: of the repository, as NAMESPACE/NAME, or NAME alone for one's own.

    Raises:
        CheckpointError: there is no such checkpoint, or it is not what was written.
        DataError: a file of its run is missing or broken.
        HubError: a name may not be one, license, language or data sets have to be given, the repository holds something
            else, there is no token, or the hub refuses it or cannot be reached.
        ScoringError: the samples cannot be scored any more.
    """
    options = build_options(PushOptions, given)
    destination = Destination(name, options.revision, options.private)
    check_push(checkpoint, destination, options)
    folder = find_checkpoint(checkpoint)
    record = _find_record(folder)
    known = _find_known(record, options)
    _check_known(known)
    checked = _check_checkpoint(folder, record)
    repository = None
    if not options.dry_run:
        repository = find_repository(destination)
        destination = repository.destination
    page = _build_page(destination, options, known)
    with tempfile.TemporaryDirectory() as beside:
        staged = Path(beside)
        card = _stage(checked, page, options, staged)
        files = _measure(staged)
        address = None
        if repository is not None:
            removed = _list_removed(repository, files)
            message = options.message or f"Checkpoint of step {checked.description.step}"
            messages().print(f"Uploading {checked.folder} to {destination.name}")
            address = upload_folder(repository, staged, message, removed)
    return Pushed(
        name=destination.name,
        folder=checked.folder,
        files=files,
        left_out=list_left_out(checked.folder),
        card=card,
        address=address,
    )


def find_known(checkpoint: str | Path, options: PushOptions) -> Known:
    """License, languages and data sets, as they were given or, where they were not, as the run of the checkpoint knows.

    Raises:
        CheckpointError, DataError: as `push`.
    """
    return _find_known(_find_record(find_checkpoint(checkpoint)), options)


def _find_known(record: RunRecord | None, options: PushOptions) -> Known:
    recipe = None if record is None else record.recipe
    language = options.language
    if language is None and recipe is not None:
        language = _find_languages(recipe)
    datasets = options.datasets
    if datasets is None and recipe is not None:
        datasets = _find_datasets(recipe["data"]["train"])
    return Known(
        license=options.license,
        language=language,
        datasets=() if datasets == (NO_DATASETS,) else datasets,
    )


def _find_record(folder: Path) -> RunRecord | None:
    """The run that a checkpoint lies in; None where it lies elsewhere, as an average does."""
    folder = folder.resolve()
    run = RunFolder(folder.parent.parent)
    if folder.parent.name != CHECKPOINTS_FOLDER or not run.exists():
        return None
    return load_run_record(run)


def _find_languages(recipe: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The languages that a recipe names: that of its references, or those that its model translates between."""
    model = recipe["model"]
    names = [recipe["evaluation"].get("language"), model.get("source_language"), model.get("target_language")]
    codes = [find_language_code(name) or find_language(name) for name in names if name]
    known = tuple(dict.fromkeys(code for code in codes if code is not None))
    return known or None


def _find_datasets(names: Sequence[str]) -> tuple[str, ...] | None:
    """The hub's data sets among data names; None where others are among them, of which nothing is known."""
    if any(parse_hub_split(name) is None for name in names):
        return None
    datasets = list_hub_datasets(list(names))
    if any(Path(dataset).exists() for dataset in datasets):  # hub: reads folders too
        return None
    return tuple(datasets)


def _check_known(known: Known) -> None:
    missing = known.list_missing()
    if not missing:
        return
    examples = {
        "license": "license (--license): apache-2.0, mit, cc-by-4.0 or another of the hub's names",
        "language": "language (--language): codes such as de, or en,fr",
        "datasets": "datasets (--datasets): names on the hub, or none where it has none of them",
    }
    listed = "\n".join(f"  {examples[name]}" for name in missing)
    raise HubError(f"A card on the hub should tell what nobody here knows of this model. Give:\n{listed}")


def _check_checkpoint(folder: Path, record: RunRecord | None) -> _Checked:
    """Looks at everything that goes on the hub."""
    names = list_uploaded(folder)
    check_uploaded(folder, names)
    return _Checked(folder, names, CheckpointDescription.load(folder), record)


def _build_page(destination: Destination, options: PushOptions, known: Known) -> HubPage:
    revision = None if options.revision == MAIN else options.revision
    return HubPage(
        name=destination.name,
        title=destination.title,
        license=known.license or "",
        languages=known.language or (),
        datasets=known.datasets or (),
        revision=revision,
        license_name=options.license_name,
        license_link=options.license_link,
    )


def _stage(checked: _Checked, page: HubPage, options: PushOptions, staged: Path) -> str:
    """Lays what is uploaded into an empty folder, as links where the system has them; returns the card."""
    for name in checked.names:
        _link(checked.folder / name, staged / name)
    if (checked.folder / MANIFEST_FILE).exists():
        entries = {name: entry for name, entry in load_manifest(checked.folder).items() if name in checked.names}
        write_json(staged / MANIFEST_FILE, {"files": entries})
    pictures = {}
    if checked.record is not None:
        run = checked.record.folder
        pictures = _list_pictures(run)
        for file in pictures.values():
            _link(run.path / file, staged / file)
    card = _build_card(checked, page, options, pictures)
    _check_card(card)
    (staged / CARD_FILE).write_text(card, encoding="utf-8", newline="\n")
    return card


def _link(file: Path, beside: Path) -> None:
    beside.parent.mkdir(exist_ok=True)
    with suppress(OSError, NotImplementedError):
        beside.symlink_to(file.resolve())
    if not beside.exists():
        shutil.copyfile(file, beside)


def _list_pictures(run: RunFolder) -> dict[str, str]:
    """The pictures of a run's card that are there, by name, as paths from the run folder."""
    files = {name: f"{PICTURES_FOLDER}/{name}.png" for name in PICTURES}
    return {name: file for name, file in files.items() if (run.path / file).exists()}


def _build_card(checked: _Checked, page: HubPage, options: PushOptions, pictures: Mapping[str, str]) -> str:
    description = checked.description
    record = checked.record
    if record is None:
        return build_checkpoint_card(description.to_dict(), _summarize_model(checked), page)
    scores = record.scores
    if scores is not None and scores["checkpoint"] != f"{CHECKPOINTS_FOLDER}/{checked.folder.name}":
        # Another checkpoint of the run earned them.
        record = replace(record, scores=None, predictions=None)
        pictures = {name: file for name, file in pictures.items() if name != "output_lengths"}
    samples = choose_samples(record) if options.samples else []
    record = hide_machine(record)
    parts = CardParts(
        checkpoint=page.name,
        settings=flatten(record.recipe),
        defaults=list_defaults(record.recipe["task"]),
        samples=samples,
        pictures=pictures,
        page=page,
        step=description.step,
    )
    return build_model_card(record, parts)


def _summarize_model(checked: _Checked) -> dict[str, Any]:
    """What plain transformers needs to load the checkpoint, as inputs.json of a run has it, from its files alone."""
    config = load_json(checked.folder / "config.json")
    encoder = config.get("encoder", {}).get("model_type", "")
    row = FAMILIES.get(encoder)
    return {
        "class": config["architectures"][0],
        "hands_over_t5_encoder": row is not None and row.has_encoder_class,
        "two_tokenizers": any(name.startswith(f"{TARGET_FOLDER}/") for name in checked.names),
        "pruned": bool(checked.description.pruned),
    }


def _check_card(card: str) -> None:
    """Lets the hub's library read the card, as it does at every download."""
    from huggingface_hub import ModelCard

    ModelCard(card)


def _measure(folder: Path) -> dict[str, int]:
    """Bytes of all files in a folder, by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


def _list_removed(repository: Repository, files: Mapping[str, int]) -> list[str]:
    if repository.files is None:
        return []
    try:
        return list_replaced(repository.files, files)
    except ValueError as others:
        raise HubError(
            f"{repository.destination.name} is there already and holds something else ({others}). Choose another name, "
            "or remove these files there."
        ) from None
