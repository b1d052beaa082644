"""docs/extending.md shows the examples as they are here, each complete and short."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "extending.md"
EXAMPLES = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith(("test_", "__")))
MOST_LINES = 40


def test_page_shows_every_example():
    shown = dict(re.findall(r"`tests/extensions/(\w+)\.py`:\n\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    assert sorted(shown) == EXAMPLES
    assert {name: (HERE / f"{name}.py").read_text() for name in EXAMPLES} == shown


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_short(name):
    assert len((HERE / f"{name}.py").read_text().splitlines()) <= MOST_LINES
