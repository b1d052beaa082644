"""Where a command may put what it writes: over nothing that is there without a word, into no folder made far away.

One rule for all commands but `train`, whose run folders have their own. Knows nothing of what is written.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from .console import messages
from .errors import DataError, Seq2SeqError

ADVICE = "Choose another output, or replace it with --overwrite (overwrite=True in Python)."


def check_replaceable(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Refuses to write over files that are there; an empty one holds nothing to lose, and pipes and devices keep none.

    Raises:
        DataError: one is there, naming it.
    """
    for path in paths:
        if not overwrite and path.is_file() and path.stat().st_size:
            raise DataError(f"{path} exists. {ADVICE}")


def check_replaceable_folder(
    folder: Path,
    *,
    overwrite: bool,
    mark: str,
    without: str | None = None,
    error: type[Seq2SeqError] = DataError,
) -> None:
    """Refuses to write a folder where something is; an empty folder, or with `overwrite` an earlier output, may be.

    Args:
        mark: a file that every output of the command has; `without`: a name that none has.

    Raises:
        error: something is there, and is not to be replaced or is no such output.
    """
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not overwrite:
        raise error(f"{folder} exists. {ADVICE}")
    if folder.is_symlink() or not (folder / mark).is_file():
        raise error(f"{folder} is no earlier output (without {mark}) and is not replaced. Choose another output.")
    if without is not None and (folder / without).exists():
        raise error(f"{folder} holds {without} too, which would be lost, and is not replaced. Choose another output.")


def make_folder(folder: Path, *, told: bool = True) -> None:
    """Makes a folder for outputs where there is none: inside the working directory, or inside a folder that is there.

    It says so, unless the folder itself is what was asked for.

    Raises:
        DataError: it would be made at the root of the disk, as by a slip /out for ./out, or others around it too; or
            the system refuses it.
    """
    try:
        if folder.is_dir():
            return
        _check_near(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        if folder.is_dir():  # another process was faster
            return
        raise DataError(f"{folder}: the folder cannot be made ({error.strerror}).") from None
    if told:
        messages().print(f"Made the folder {folder}")


def check_root(folder: Path) -> None:
    """Refuses a folder that would be made at the root of the disk, or in one that would.

    Raises:
        DataError: naming the folder at the root.
    """
    whole = Path(os.path.normpath(folder.absolute()))
    if len(whole.parts) > 1 and not (top := Path(*whole.parts[:2])).exists():
        raise DataError(
            f"{folder}: there is no {top}, and no folder is made at the root of the disk. Choose another output, or "
            f"make {top} first."
        )


def _check_near(folder: Path) -> None:
    check_root(folder)
    whole = Path(os.path.normpath(folder.absolute()))
    is_near = whole.parent.exists() or whole.is_relative_to(Path.cwd())
    if not is_near:
        raise DataError(
            f"{folder}: there is no {whole.parent} either. Outside of the working directory, one folder is made at "
            "most. Choose another output, or make the folders first."
        )
