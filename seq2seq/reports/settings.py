"""The settings of a run, those first that differ from the defaults."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .markdown import build_code_block

OWN = ("output",)  # where the run lies says nothing about it
MAX_WHOLE = 1e15  # safely below 2**53, from where on a float does not tell whole numbers apart


def list_setting_lines(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Two blocks of options by dotted key: what the recipe sets otherwise than the defaults, and the rest, folded."""
    changed = []
    kept = []
    for key, value in settings.items():
        line = f"{key}: {_dump(value)}"
        if key in OWN:
            continue
        if key not in defaults:
            changed.append(line)
        elif _differs(value, defaults[key]):
            changed.append(f"{line}  # default: {_dump(defaults[key])}")
        else:
            kept.append(line)
    parts = []
    if changed:
        parts += ["Set by the recipe:", _build_block(changed)]
    if kept:
        parts += ["<details><summary>Left at their defaults</summary>", _build_block(kept), "</details>"]
    return parts


def _build_block(lines: Sequence[str]) -> str:
    return build_code_block("\n".join(lines), "yaml")


def _differs(value: Any, default: Any) -> bool:
    # In a recipe one string is a list of one.
    return _dump(value) not in (_dump(default), _dump([default]))


def _dump(value: Any) -> str:
    """As JSON, which is YAML on one line; 1 and 1.0 are the same."""
    if isinstance(value, float) and value.is_integer() and abs(value) < MAX_WHOLE:
        value = int(value)
    return json.dumps(value, ensure_ascii=False)
