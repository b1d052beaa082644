"""The settings of a run, those first that differ from the defaults."""

import json
from collections.abc import Mapping
from typing import Any

from .markdown import build_code_block

OWN = ("output",)  # where the run lies says nothing about it


def list_setting_lines(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Two blocks of options by dotted key: what the recipe sets otherwise than the defaults, and the rest, folded."""
    changed = [key for key, value in settings.items() if key not in OWN and _differs(value, defaults.get(key, ...))]
    kept = [key for key in settings if key not in OWN and key not in changed]
    parts = []
    if changed:
        lines = [_format_setting(key, settings[key]) + _format_default(key, defaults) for key in changed]
        parts += ["Set by the recipe:", build_code_block("\n".join(lines), "yaml")]
    if kept:
        lines = [_format_setting(key, settings[key]) for key in kept]
        parts += [
            "<details><summary>Left at their defaults</summary>",
            build_code_block("\n".join(lines), "yaml"),
            "</details>",
        ]
    return parts


def _differs(value: Any, default: Any) -> bool:
    # In a recipe one string is a list of one.
    return default is ... or _dump(value) not in (_dump(default), _dump([default]))


def _format_setting(key: str, value: Any) -> str:
    return f"{key}: {_dump(value)}"


def _format_default(key: str, defaults: Mapping[str, Any]) -> str:
    return f"  # default: {_dump(defaults[key])}" if key in defaults else ""


def _dump(value: Any) -> str:
    """As JSON, which is YAML on one line; 1 and 1.0 are the same."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return json.dumps(int(value) if whole else value, ensure_ascii=False)
