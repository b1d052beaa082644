"""Tokenized data on disk: made once, found by a key of everything the ids depend on, mapped by every process.

Entries are whole or absent and never change: written beside under a name of their own, synced, renamed. Whoever writes
the same entry at the same time does no harm; the first one stays.
"""

import errno
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ..base.console import ProgressBar, errors, show_progress
from ..base.errors import DataError
from ..base.files import sync_entry, sync_folder
from .cache_entry import DamagedEntryError, StoredExamples, check_entry, map_entry, write_entry
from .empty_rows import LeftOut
from .split import Split

CACHE_VARIABLE = "SEQ2SEQ_CACHE"
ENTRIES_FOLDER = "encoded"
ATTEMPTS = 3  # others may remove or damage an entry between its check and its use, but hardly so often
LEFTOVER_SECONDS = 24 * 3600  # an entry that is being written is touched every few seconds
NOTED_EXAMPLES = 100_000  # where there is no terminal, a line is printed each time


def find_cache_folder() -> Path:
    """SEQ2SEQ_CACHE, else `seq2seq` in XDG_CACHE_HOME, else in ~/.cache.

    Raises:
        OSError: the user has no home folder.
    """
    if folder := os.environ.get(CACHE_VARIABLE):
        return Path(folder)
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder, "seq2seq")
    try:
        return Path.home() / ".cache" / "seq2seq"
    except RuntimeError as error:
        raise OSError(str(error)) from None


def prepare_entry(split: Split, description: str) -> Path | None:
    """The folder of the split's checked entry, made now where there is none.

    None, and a message, where the cache cannot be written. `description` is what its progress is shown under.

    Raises:
        DataError: a row is broken; or a file has changed while it was read.
    """
    key = split.compute_key()
    try:
        folder = find_cache_folder() / ENTRIES_FOLDER / key
        for _ in range(ATTEMPTS):
            if _is_whole(folder):
                return folder
            _write(split, folder, description)
        raise OSError(f"{folder} does not stay as it is written")
    except OSError as error:
        errors().print(
            f"{description}: the cache cannot be used ({error}). The ids are made in memory, by every process and at "
            f"every start. Set {CACHE_VARIABLE} to a folder with room."
        )
        return None


def load_encoded(split: Split, folder: Path | None) -> StoredExamples:
    """The split's ids from its entry, just checked; where there is no entry, made in memory.

    Raises:
        DataError: the entry is gone, or a row is broken.
    """
    if folder is not None:
        try:
            return map_entry(folder, split.source.count_positions)
        except (DamagedEntryError, OSError) as error:
            raise DataError(f"{folder} was just there and cannot be read ({error}). Start again.") from None
    left_out = LeftOut()
    encoded = split.encode(left_out)
    return StoredExamples(encoded, encoded.compute_fingerprint(), left_out)


def _is_whole(folder: Path) -> bool:
    if not folder.exists():
        return False
    try:
        check_entry(folder)
    except DamagedEntryError as damage:
        errors().print(f"{folder} is damaged ({damage}). It is made again.")
        _remove(folder)
        return False
    return True


def _write(split: Split, folder: Path, description: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder.parent)
    beside = _name_beside(folder)
    beside.mkdir()
    left_out = LeftOut()
    try:
        with show_progress(description, None) as bar:
            write_entry(
                beside,
                split.encode_chunks(left_out),
                split.names,
                lambda amount: _advance(bar, amount),
                left_out,
            )
        # The key was computed before the files were read: ids of other texts must not go by it.
        if split.compute_key() != folder.name:
            raise DataError(f"{', '.join(split.names)}: the data changed while it was read. Start again.")
        sync_folder(beside)
        _publish(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _advance(bar: ProgressBar, amount: int) -> None:
    before = bar.done
    bar.advance(amount)
    if bar.done // NOTED_EXAMPLES > before // NOTED_EXAMPLES:
        bar.note("pairs")


def _publish(beside: Path, folder: Path) -> None:
    try:
        beside.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return  # another process was faster; its entry is as good
    sync_entry(folder.parent)


def _remove(folder: Path) -> None:
    """Removes an entry; if that is cut short, what is left no longer has an entry's name."""
    aside = _name_beside(folder)
    with suppress(FileNotFoundError):  # another process was faster
        folder.rename(aside)
        shutil.rmtree(aside)


def _name_beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name[:16]}.{uuid4().hex}.partial")


def remove_leftovers(folder: Path) -> None:
    """Removes what crashes left half written: what nobody has touched for a day."""
    for path in folder.glob(".*.partial"):
        with suppress(FileNotFoundError):  # another process has just finished it
            touched = max(item.stat().st_mtime for item in [path, *path.iterdir()])
            if time.time() - touched > LEFTOVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
