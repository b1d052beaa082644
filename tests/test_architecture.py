"""The floors of the project: a file imports from lower floors and its own package, never sideways or upward."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "seq2seq"
# From the ground up; `tasks` and `evaluation` hold nothing but names that modules had once.
ROOMS = (
    "base", "embedded", "families", "run_folder", "modeling", "text", "sources", "reports", "metrics", "data",
    "analysis", "checkpoints", "warmstart", "engines", "training", "generation", "recipe", "tasks", "evaluation",
    "processes", "runs", "verbs", "cli", "__main__", "__init__",
)  # fmt: skip
FLOORS = {room: floor for floor, room in enumerate(ROOMS)}


def list_imported_rooms(code: str, module: tuple[str, ...]) -> list[tuple[int, str]]:
    """Line and top-level room of every import of our own, those hidden in functions too."""
    imported = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom):
            base = module[: len(module) - node.level] if node.level else ()
            target = (*base, *(node.module or "").split(".")) if node.module else base
            names = [(*target, alias.name) for alias in node.names] if len(target) < 2 else [target]
        elif isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        imported += [(node.lineno, name[1]) for name in names if name[0] == "seq2seq" and len(name) > 1]
    return imported


def find_breaches(code: str, module: tuple[str, ...]) -> list[str]:
    own = module[1]
    return [
        f"{'.'.join(module)} line {line} imports {room}"
        for line, room in list_imported_rooms(code, module)
        if room != own and FLOORS.get(room, 99) >= FLOORS[own]
    ]


def list_modules() -> list[tuple[Path, tuple[str, ...]]]:
    return [(path, ("seq2seq", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in PACKAGE.rglob("*.py")]


def test_every_file_imports_only_from_lower_floors_and_its_own_package():
    breaches = [breach for path, module in list_modules() for breach in find_breaches(path.read_text(), module)]
    assert breaches == []


def test_every_room_has_a_floor():
    assert {module[1] for _, module in list_modules()} <= set(FLOORS)


@pytest.mark.parametrize(
    "code",
    [
        "from ..training.trainer import Trainer",  # upward
        "from ..checkpoints import folder",
        "def hidden():\n    from seq2seq.verbs import train",  # hidden in a function
        "import seq2seq.runs",
        "from .. import recipe",
    ],
)
def test_a_breach_is_found(code):
    assert find_breaches(code, ("seq2seq", "data", "readers"))


def test_imports_of_lower_floors_and_of_the_own_package_are_no_breach():
    code = "from ..base.errors import DataError\nfrom .options import DataOptions\nimport torch"
    assert find_breaches(code, ("seq2seq", "data", "readers")) == []


def test_package_inits_import_nothing():
    assert [path for path in PACKAGE.glob("*/**/__init__.py") if path.read_text().strip()] == []


@pytest.mark.parametrize(
    "statement",
    [
        "import seq2seq",
        "import seq2seq.cli.main",
        "import seq2seq.families.table",
        "import seq2seq.recipe.recipe",
        "import seq2seq.run_folder.folder",
        "import seq2seq.warmstart.plans",
    ],
)
def test_light_modules_load_neither_torch_nor_transformers(statement):
    code = f"{statement}, sys; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
