"""YAML as recipes and overrides use it: read without its traps, and written so that it is read back alike.

A trap is a word that YAML takes for something else than it looks like: 010 for eight, 1:30 for ninety. Knows no option.
"""

import math
import re
from typing import Any

import yaml

INT, FLOAT, DATE, TEXT, MERGE, EQUALS = (
    f"tag:yaml.org,2002:{name}" for name in ("int", "float", "timestamp", "str", "merge", "value")
)
# YAML 1.1, which PyYAML reads, wants a point in 1e-3, and none behind the sign of -.5.
_NUMBER = re.compile(r"[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+$|[-+]\.[0-9][0-9_]*$")
# 010, 0x1F, 0o17: whole numbers that one version of YAML or the other reads with another base than ten.
_OTHER_BASE = re.compile(r"[-+]?0[0-9a-zA-Z]+$")


class TrapError(yaml.MarkedYAMLError):
    """A word that would be read as something else than it looks like."""


def read_yaml(text: str) -> Any:
    """The value of a document.

    Raises:
        TrapError: a word of it would be read as something else than it looks like.
        YAMLError: it is no YAML, or a key is no text or given twice.
    """
    try:
        return yaml.load(text, _Loader)
    except (ValueError, RecursionError) as error:  # a date that is none; brackets a thousand deep
        raise yaml.YAMLError(str(error)) from None


def holds_comment(text: str) -> bool:
    """Whether YAML takes the end of a one-line value for a comment. 'a #b' -> True, 'a#b' -> False

    Raises:
        YAMLError: as `read_yaml`.
    """
    end = 0
    for token in yaml.scan(text, _Loader):
        if not isinstance(token, yaml.StreamEndToken | yaml.BlockEndToken):
            end = token.end_mark.index
    return text[end:].lstrip().startswith("#")


def dump_yaml(value: Any, *, flow: bool = False) -> str:
    """A value as YAML that loads to the same value; in one line where `flow` says so."""
    width = {"default_flow_style": True, "width": math.inf} if flow else {}
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        **width,
    )
    return text.removesuffix("\n...\n").removesuffix("\n")


class _Loader(yaml.SafeLoader):
    """Refuses traps, and keys that are no text or repeated; 1e-3 is a number."""

    def compose_scalar_node(self, anchor: str | None) -> yaml.ScalarNode:
        is_plain, _ = self.peek_event().implicit  # without quotes, and without a tag that says what it is
        node = super().compose_scalar_node(anchor)
        if node.tag == EQUALS:  # a type of values that nobody uses
            node.tag = TEXT
        if is_plain and (reading := self._find_trap(node)) is not None:
            raise TrapError(problem=f"{node.value} {reading}", problem_mark=node.start_mark)
        return node

    def _find_trap(self, node: yaml.ScalarNode) -> str | None:
        """As what else than it looks like a word would be read, and what to do; None where it is no trap."""
        quoted = f"'{node.value}' in quotes where a text is meant"
        if node.tag == DATE and self._is_date(node):
            return f"would be read as a date, which no option takes; write {quoted}"
        if node.tag in (INT, FLOAT) and ":" in node.value:
            number = self._read_number(node)
            return f"would be read as {number}, a number to the base of 60; write {number}, or {quoted}"
        if node.tag in (INT, TEXT) and _OTHER_BASE.match(node.value.replace("_", "")):
            return self._explain_base(node, quoted)
        return None

    def _explain_base(self, node: yaml.ScalarNode, quoted: str) -> str | None:
        if node.tag == INT:
            number = self._read_number(node)
            return f"would be read as {number}, for it is no decimal number; write {number}, or {quoted}"
        digits = node.value.lower().replace("_", "")
        if re.fullmatch(r"[-+]?(0[0-9]+|0o[0-7]+)", digits):
            return f"is a number to some versions of YAML and a text to others; write a decimal number, or {quoted}"
        return None

    def _is_date(self, node: yaml.ScalarNode) -> bool:
        """Whether the calendar has it; one that it has not is no valid YAML."""
        try:
            self.construct_yaml_timestamp(node)
        except ValueError:
            return False
        return True

    def _read_number(self, node: yaml.ScalarNode) -> int | float:
        return self.construct_yaml_int(node) if node.tag == INT else self.construct_yaml_float(node)

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        known = set()
        for key, _ in node.value:
            if key.tag == MERGE:  # <<, whose keys may be repeated: those beside it go over them
                continue
            if key.tag != TEXT:
                problem = f"a key must be a text, and YAML reads {_show(key)} as something else; put it in quotes"
                raise yaml.composer.ComposerError(problem=problem, problem_mark=key.start_mark)
            if key.value in known:
                problem = f"{key.value!r} given more than once"
                raise yaml.composer.ComposerError(problem=problem, problem_mark=key.start_mark)
            known.add(key.value)
        return node


def _show(key: yaml.Node) -> str:
    if isinstance(key, yaml.ScalarNode):
        return key.value or "nothing"
    return "a list or a mapping"


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would not read as the same text."""


for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(FLOAT, _NUMBER, list("-+.0123456789"))
_Dumper.add_implicit_resolver(INT, _OTHER_BASE, list("-+0"))
