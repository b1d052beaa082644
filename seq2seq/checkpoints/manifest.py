"""manifest.json: size and SHA-256 of every file of a checkpoint. Knows nothing of what the files hold."""

from pathlib import Path

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


def check_manifest(folder: Path) -> None:
    """Compares every file with the manifest.

    Raises:
        CheckpointError: the manifest or a file is missing, or a file has changed.
    """
    try:
        entries = load_json(folder / MANIFEST_FILE)["files"]
    except (DataError, KeyError, TypeError) as error:
        raise CheckpointError(f"{folder} is not a whole checkpoint: {error}") from None
    for name, entry in entries.items():
        path = folder / name
        if not path.exists():
            raise CheckpointError(f"{folder} is not a whole checkpoint: {name} is missing.")
        # The size first: it tells of most damage without reading the file.
        if path.stat().st_size != entry["bytes"] or compute_sha256(path) != entry["sha256"]:
            raise CheckpointError(
                f"{folder}: {name} is not what was written (its SHA-256 differs). Use an older checkpoint; or, if you "
                f"changed the file on purpose, copy the folder elsewhere and delete {MANIFEST_FILE} in the copy."
            )
