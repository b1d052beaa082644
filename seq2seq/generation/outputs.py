"""Outputs as files that grow while they are written, a line for each text, so that a killed run can go on.

Knows nothing of models. Beside an unfinished file stands FILE.unfinished.json, which says how far it has come.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import IO, Any

from ..base.errors import DataError
from ..base.files import is_packed, load_json, write_json
from ..base.output_paths import check_replaceable, check_root, make_folder
from ..data.file_kinds import find_kind
from ..run_folder.old_runs import list_old_values

STANDARD_OUTPUT = Path("-")
UNFINISHED = ".unfinished.json"
FORMAT = 2  # of that file; 1 had no number


@dataclass
class Progress:
    """How far an output has come.

    texts: written; bytes: their lines'. digest: SHA-256 of the texts that they were written for.
    counts: of what was odd, by its name.
    """

    texts: int = 0
    bytes: int = 0
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, counts: Mapping[str, int]) -> None:
        """Adds to what was odd so far."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


class OutputFile:
    """A file of outputs that grows; or standard output, or a pipe, which cannot be gone on with.

    settings: what the outputs depend on, besides the texts: they must be the same to go on.
    """

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.path = path
        self.settings = settings
        self.is_file = path != STANDARD_OUTPUT and (path.is_file() or not path.exists())
        self.beside = path.with_name(path.name + UNFINISHED)
        self.old_bytes = 0  # of an earlier file, which stays until there are outputs to take its place
        self.pipe: IO[bytes] | None = None  # or a device; stays open, for its reader takes a closed one for the end

    def begin(self, *, resume: bool, overwrite: bool = False) -> Progress | None:
        """How far the file has come, and truncates it there; None where it is finished.

        Where no text was written yet, or with `overwrite`, it begins anew, whatever it was begun with. The lines of an
        earlier file stay until the first new ones come.

        Raises:
            DataError: it is unfinished and not to be gone on with; it was begun with other settings, or is damaged; it
                is to be gone on with and is no file; or it cannot be written.
        """
        if resume and not self.is_file:
            raise DataError(f"Only a file can be gone on with, and {self.path} is none. Name an output file.")
        try:
            if self.is_file:
                return self._begin_file(resume, overwrite)
            if self.path != STANDARD_OUTPUT:
                self.pipe = self.path.open("ab")
            return Progress()
        except OSError as error:
            raise DataError(f"{self.path} cannot be written ({error.strerror}). Choose another output.") from None

    def _begin_file(self, resume: bool, overwrite: bool) -> Progress | None:
        if not overwrite and self.beside.exists():
            progress, settings = self._load()
            if progress.texts:
                return self._go_on(progress, settings, resume)
        elif resume and self.path.exists():
            return None
        if self.path.exists():
            self.path.open("ab").close()  # what cannot be written is refused before it is called unfinished
        progress = Progress()
        # First the record: a file without one beside it would be taken for finished.
        self._record(progress)
        self.path.open("ab").close()
        self.old_bytes = self._measure()
        return progress

    def _go_on(
        self,
        progress: Progress,
        settings: dict[str, Any],
        resume: bool,
    ) -> Progress:
        if not resume:
            raise DataError(
                f"{self.path} is unfinished, {progress.texts:,} texts are written. Go on with it with --resume, or "
                "begin again with --overwrite."
            )
        for name in settings.keys() | self.settings.keys():
            before = settings.get(name)
            now = self.settings.get(name)
            if before != now:
                raise DataError(
                    f"{self.path} was begun with {name} {before!r}, found {now!r}. Set it back to go on, or remove "
                    f"{self.beside.name} to begin again."
                )
        size = self._measure()
        if size < progress.bytes:
            raise DataError(
                f"{self.path} has {size:,} bytes where {progress.bytes:,} were written. Remove {self.beside.name} to "
                "begin again."
            )
        os.truncate(self.path, progress.bytes)
        return progress

    def _measure(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _load(self) -> tuple[Progress, dict[str, Any]]:
        values = load_json(self.beside)
        names = {item.name for item in fields(Progress)}
        expected = names | {"settings", "format"}
        if isinstance(values, dict) and "format" not in values:
            values = values | {"format": 1}
        is_whole = isinstance(values, dict) and set(values) == expected
        if not is_whole or not isinstance(values["settings"], dict):
            listed = ", ".join(sorted(expected))
            raise DataError(f"{self.beside}: expected {listed}. Remove it to begin again.")
        number = values.pop("format")
        settings = values.pop("settings")
        if number not in (1, FORMAT):
            raise DataError(
                f"{self.beside}: format {number!r} is unknown; this version reads 1 to {FORMAT}. Go on with the "
                "version that wrote it, or remove it to begin again."
            )
        return Progress(**values), self._bring_up(settings)

    def _bring_up(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Settings with the generation options that they lack, each as it was then, and marks where none were noted."""
        whole = {}
        # The first of format 1 noted no marks; whoever goes on with those answers for them.
        if "framing" in self.settings:
            whole["framing"] = self.settings["framing"]
        for name, value in list_old_values("generation").items():
            if name in self.settings:
                whole[name] = value
        return whole | settings

    def append(self, lines: str, progress: Progress) -> None:
        """Writes further lines, then how far they have come; `progress.bytes` is counted here.

        Raises:
            DataError: the disk is full or gone, or something else has changed the file meanwhile.
        """
        content = lines.encode()
        try:
            if self.is_file:
                self._append_to_file(content, progress)
            elif self.pipe is not None:
                self.pipe.write(content)
                self.pipe.flush()
            else:
                _print(content)
        except OSError as error:
            if self.path == STANDARD_OUTPUT and isinstance(error, BrokenPipeError):
                raise  # the reader has enough, as in `| head`: no mistake
            advice = "Make room, then go on with --resume." if self.is_file else "Choose another output."
            name = "Standard output" if self.path == STANDARD_OUTPUT else self.path
            raise DataError(f"{name} cannot be written ({error.strerror}). {advice}") from None

    def _append_to_file(self, content: bytes, progress: Progress) -> None:
        expected = progress.bytes + self.old_bytes
        size = self._measure()
        if size != expected:
            raise DataError(
                f"{self.path} has {size:,} bytes where {expected:,} were written: it was removed, or something "
                "else writes to it. Let one run alone write to it."
            )
        self._drop_old()
        # On disk before they are counted: what was counted and is not there cannot be gone on with.
        with self.path.open("ab") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        progress.bytes += len(content)
        self._record(progress)

    def _drop_old(self) -> None:
        if self.old_bytes:
            os.truncate(self.path, 0)
            self.old_bytes = 0

    def _record(self, progress: Progress) -> None:
        values = {"format": FORMAT, **asdict(progress), "settings": self.settings}
        write_json(self.beside, values)

    def finish(self) -> None:
        """The file is whole: nothing stands beside it."""
        if self.is_file:
            self._drop_old()
            self.beside.unlink()
        if self.pipe is not None:
            self.pipe.close()


def _print(content: bytes) -> None:
    """Writes UTF-8 to standard output, whatever the terminal's encoding; a notebook's takes text alone."""
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.buffer.write(content)
    else:
        sys.stdout.write(content.decode())
    sys.stdout.flush()


def check_output(path: Path) -> None:
    """Makes sure, before any work is done, that outputs can be written to a path; makes its folder, by `make_folder`.

    Raises:
        DataError: the folder cannot or must not be made, or cannot be written to; or the name asks for a format that is
            not written.
    """
    if is_packed(path) or find_kind(path) not in ("json", "text"):
        raise DataError(f"{path}: outputs are written as plain text or .jsonl. Choose such a name.")
    make_folder(path.parent)
    _check_writable(path)


def check_output_folder(folder: Path) -> None:
    """Makes sure, before any work is done, that files can be written into a folder; makes it and the one around it.

    Raises:
        DataError: a folder cannot or must not be made, or cannot be written to.
    """
    make_folder(folder.parent)
    make_folder(folder, told=False)
    _check_writable(folder / "output")


def check_new_folder(folder: Path) -> None:
    """Makes sure, before any work is done, that a folder can be written as a whole; makes the one around it.

    Raises:
        DataError: that cannot or must not be made, or cannot be written to; or this one would be at the disk's root.
    """
    if not os.path.lexists(folder):
        check_root(folder)
    make_folder(folder.parent)
    if not os.access(folder.parent, os.W_OK):
        raise DataError(f"{folder} cannot be written. Choose another output.")


def _check_writable(path: Path) -> None:
    try:
        is_pipe = path.exists() and not path.is_file()  # or a device: nothing is put beside it
        written_to = path if is_pipe else path.parent
        can_be_written = not path.is_dir() and os.access(written_to, os.W_OK)
    except OSError as error:
        raise DataError(f"{path} cannot be written ({error.strerror}). Choose another output.") from None
    if not can_be_written:
        raise DataError(f"{path} cannot be written. Choose another output.")


def check_replaceable_output(path: Path, *, overwrite: bool) -> None:
    """Refuses to write over a file that is there; an unfinished one is left to `OutputFile`, which goes on or refuses.

    Raises:
        DataError: as `check_replaceable`.
    """
    if not path.with_name(path.name + UNFINISHED).exists():
        check_replaceable([path], overwrite=overwrite)


def check_apart(source: Path, output: Path) -> None:
    """Refuses to write outputs over the texts that they are written for.

    Raises:
        DataError: both are one file.
    """
    if source.exists() and output.exists() and source.samefile(output):
        raise DataError(f"{output} is the input itself and would be overwritten. Choose another output.")


def format_lines(texts: Sequence[str]) -> tuple[str, int]:
    """One text a line, and how many had line breaks, which become spaces. ['a\\nb', 'c'] -> ('a b\\nc\\n', 1)"""
    lines = []
    joined = 0
    for text in texts:
        # The longest first: \r\n is one line break.
        line = text.replace("\r\n", " ").replace("\n", " ").replace("\r", " ")
        lines.append(line + "\n")
        joined += line != text
    return "".join(lines), joined
