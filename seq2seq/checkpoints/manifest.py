"""manifest.json: size and SHA-256 of every file of a checkpoint. Knows nothing of what the files hold."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..base.errors import CheckpointError, DataError
from ..base.files import compute_sha256, load_json, write_json

MANIFEST_FILE = "manifest.json"


def write_manifest(folder: Path) -> None:
    """Writes down what stands in a checkpoint folder."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            entries[name] = {
                "bytes": path.stat().st_size,
                "sha256": compute_sha256(path),
            }
    write_json(folder / MANIFEST_FILE, {"files": entries})


def load_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of the files of a checkpoint folder, by name.

    Raises:
        CheckpointError: the manifest is missing or broken.
    """
    try:
        return dict(load_json(folder / MANIFEST_FILE)["files"])
    except (DataError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder} is not a whole checkpoint: {error}") from None


def check_manifest(folder: Path, names: Collection[str] | None = None) -> None:
    """Compares the files of a folder with its manifest, or some of them alone.

    Raises:
        CheckpointError: the manifest or a file is missing, or a file has changed.
    """
    for name, entry in load_manifest(folder).items():
        if names is not None and name not in names:
            continue
        path = folder / name
        if not path.exists():
            raise CheckpointError(f"{folder} is not a whole checkpoint: {name} is missing.")
        # The size first: it tells of most damage without reading the file.
        if path.stat().st_size != entry["bytes"] or compute_sha256(path) != entry["sha256"]:
            raise CheckpointError(
                f"{folder}: {name} is not what was written (its SHA-256 differs). Use an older checkpoint; or, if you "
                f"changed the file on purpose, copy the folder elsewhere and delete {MANIFEST_FILE} in the copy."
            )
