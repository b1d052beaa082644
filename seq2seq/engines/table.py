"""The engines by name, and which of them a folder is for. One of the user's own goes by package.module:CLASS."""

from pathlib import Path

from ..base.errors import DataError, GenerationError
from ..base.files import load_json
from ..base.objects import find_class
from .ctranslate2 import CTranslate2Engine
from .engine import EXPORT_FILE, Engine
from .transformers import TransformersEngine

ENGINES: dict[str, type[Engine]] = {"transformers": TransformersEngine, "ctranslate2": CTranslate2Engine}


def find_engine(name: str) -> type[Engine]:
    """The engine of a name.

    Raises:
        GenerationError: there is none, or the object is no subclass of Engine.
    """
    return find_class(name, ENGINES, Engine, "engine", GenerationError)


def find_engine_name(folder: Path) -> str:
    """The name of the engine that a folder is for: what it was exported for, else transformers.

    Raises:
        GenerationError: its export.json does not say.
    """
    if not (folder / EXPORT_FILE).exists():
        return next((name for name, engine in ENGINES.items() if engine.can(folder)), "transformers")
    try:
        return str(load_json(folder / EXPORT_FILE)["format"])
    except (DataError, KeyError, TypeError):
        raise GenerationError(f"{folder / EXPORT_FILE} does not name its format. Export the model again.") from None
