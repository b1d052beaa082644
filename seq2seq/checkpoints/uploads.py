"""Which files of a checkpoint folder go on the hub: those that transformers and this project read, by their names.

No state of a training, no pickles, and no notes on how a checkpoint came about, which hold paths of this machine.
Imports no torch.
"""

from collections.abc import Collection
from pathlib import Path

from ..base.errors import HubError
from ..text.tokenizer_files import TARGET_FOLDER, TOKENIZER_FILES
from .description import DESCRIPTION_FILE, WEIGHTS_FILE
from .manifest import MANIFEST_FILE, check_manifest

OTHER_FILES = ("generation_config.json", "preprocessor_config.json", "processor_config.json")
NEEDED = ("config.json", WEIGHTS_FILE, DESCRIPTION_FILE, "tokenizer_config.json")
CARD_FILE = "README.md"
PICTURES_FOLDER = "pictures"
# What a repository may hold before its first upload, as the hub's page makes it.
BEFORE_FIRST = (".gitattributes", ".gitignore", CARD_FILE, "LICENSE", "LICENSE.md", "LICENSE.txt")


def list_uploaded(folder: Path) -> list[str]:
    """The names of the files of a checkpoint folder that go on the hub, without the manifest, which is made anew."""
    names = [*NEEDED, *OTHER_FILES, *TOKENIZER_FILES]
    names += [f"{TARGET_FOLDER}/{name}" for name in TOKENIZER_FILES]
    return sorted({name for name in names if (folder / name).is_file()})


def list_left_out(folder: Path) -> list[str]:
    """What else lies in the folder: names of files, and of folders with a / behind."""
    kept = {name.partition("/")[0] for name in list_uploaded(folder)} | {MANIFEST_FILE}
    others = [path for path in folder.iterdir() if path.name not in kept]
    return sorted(f"{path.name}/" if path.is_dir() else path.name for path in others)


def check_uploaded(folder: Path, names: Collection[str]) -> None:
    """Makes sure that what goes on the hub is a whole checkpoint that transformers can load.

    Raises:
        HubError: a file is missing, or the weights are no safetensors.
        CheckpointError: a file is not what was written.
    """
    missing = [name for name in NEEDED if name not in names]
    if DESCRIPTION_FILE in missing:
        raise HubError(
            f"{folder} is no checkpoint of this project: it has no {DESCRIPTION_FILE}. A model of transformers goes on "
            "the hub by its own push_to_hub."
        )
    if missing:
        raise HubError(
            f"{folder}: {', '.join(missing)} is missing, so transformers could not load it. Give the run or the "
            "checkpoint that it was made from."
        )
    if (folder / MANIFEST_FILE).exists():
        check_manifest(folder, names)
    _check_is_safetensors(folder / WEIGHTS_FILE)


def _check_is_safetensors(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise HubError(f"{path} is no file of safetensors ({error}). Give a checkpoint as it was written.") from None


def list_replaced(held: Collection[str], uploaded: Collection[str]) -> list[str]:
    """The files of an earlier upload in a repository that the new one has not, and that would be read with it.

    Args:
        held: what the repository holds.

    Raises:
        ValueError: it holds something that is no upload of this project, naming some of it.
    """
    if DESCRIPTION_FILE not in held:
        others = sorted(set(held) - set(BEFORE_FIRST))
        if others:
            shown = ", ".join(others[:5])
            raise ValueError(shown if len(others) <= 5 else f"{shown} and {len(others) - 5} more")
    own = {*NEEDED, *OTHER_FILES, *TOKENIZER_FILES, MANIFEST_FILE}
    folders = (TARGET_FOLDER, PICTURES_FOLDER)
    gone = set(held) - set(uploaded)
    return sorted(name for name in gone if name in own or name.partition("/")[0] in folders)
