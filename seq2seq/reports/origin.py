"""Where the parameters of a run came from, as a table, from what origin.json holds."""

from collections.abc import Mapping
from math import prod
from typing import Any

KINDS = ("copied", "converted", "random")  # a shared name adds no parameter


def summarize_origin(origin: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of a table: parameters by part of the model and kind of origin, with the totals."""
    counts: dict[str, dict[str, int]] = {}
    for parameter in origin["parameters"]:
        of_part = counts.setdefault(parameter["part"], dict.fromkeys(KINDS, 0))
        if parameter["kind"] in KINDS:
            of_part[parameter["kind"]] += prod(parameter["shape"])
    counts["total"] = {kind: sum(of_part[kind] for of_part in counts.values()) for kind in KINDS}
    rows = [
        [part, *(f"{by_kind[kind]:,}" for kind in KINDS), f"{sum(by_kind.values()):,}"]
        for part, by_kind in counts.items()
    ]
    return ["part", *KINDS, "total"], rows


def list_files(origin: Mapping[str, Any]) -> list[str]:
    """The weights files that something was read from, in the order of the parameters."""
    return list(dict.fromkeys(row["file"] for row in origin["parameters"] if row["file"]))
