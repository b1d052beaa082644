"""Which file or folder somebody meant who named one that is not there. Looks at names alone, and at few folders."""

import difflib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

NEAR = 0.7  # of difflib's likeness: a letter wrong in a short name
MOST_NAMES = 10_000  # of one folder, and of all that lie below the working folder: a hint is worth no more time
PACKED = (".gz", ".zip", ".bz2", ".xz")


def format_near_path(path: Path, fits: Callable[[Path], bool] = Path.is_file) -> str:
    """A sentence behind a blank with the path that is like one that is not there; nothing where none is.

    'data/trian.jsonl' -> ' Did you mean data/train.jsonl?'

    Args:
        fits: whether a path that is there may be meant.
    """
    near = find_near_path(path, fits)
    return "" if near is None else f" Did you mean {near}?"


def find_near_path(path: Path, fits: Callable[[Path], bool] = Path.is_file) -> Path | None:
    """The path like one that is not there: a name misspelt on the way, another ending, a folder too many or too few."""
    try:
        return next((near for near in _list_near(path) if fits(near)), None)
    except OSError:  # a folder that may not be read: it has nothing to say
        return None


def _list_near(path: Path) -> Iterator[Path]:
    yield from _list_misspelt(path)
    if path.is_absolute() or not path.parts:
        return
    for count in range(1, len(path.parts)):
        yield Path(*path.parts[count:])
    # The folders in front were left out: two levels are where data and runs lie.
    for pattern in (f"*/{path}", f"*/*/{path}"):
        yield from islice(_glob(pattern), MOST_NAMES)


def _glob(pattern: str) -> Iterator[Path]:
    try:
        yield from sorted(one for one in Path().glob(pattern) if not one.parts[0].startswith("."))
    except (ValueError, NotImplementedError):  # a name that is no pattern, such as ** in the middle of a part
        return


def _list_misspelt(path: Path) -> Iterator[Path]:
    """Paths as long as this one, the nearest first, in which every name that is not there is one like it."""
    folder = Path(path.anchor)
    parts = path.parts[1:] if path.anchor else path.parts
    for part in parts[:-1]:
        inner = folder / part
        if not inner.is_dir():
            near = [folder / name for name in _list_like(part, folder) if (folder / name).is_dir()]
            if not near:
                return
            inner = near[0]
        folder = inner
    last = parts[-1] if parts else ""
    if folder != path.parent and last:
        yield folder / last
    yield from (folder / name for name in _list_like(last, folder))


def _list_like(name: str, folder: Path) -> list[str]:
    """The names in a folder that are like one, those with the same beginning of another ending first."""
    if not name or not folder.is_dir():
        return []
    names = sorted(path.name for path in islice(folder.iterdir(), MOST_NAMES))
    same = [one for one in names if _strip_ending(one) == _strip_ending(name)]
    # Without their endings, which alone make x.jsonl and y.jsonl alike.
    close = difflib.get_close_matches(_strip_ending(name), map(_strip_ending, names), n=3, cutoff=NEAR)
    return [*same, *(one for like in close for one in names if _strip_ending(one) == like and one not in same)]


def _strip_ending(name: str) -> str:
    """'Train.jsonl.gz' -> 'train'"""
    path = Path(name)
    if path.suffix.lower() in PACKED:
        path = Path(path.stem)
    return path.stem.lower()
