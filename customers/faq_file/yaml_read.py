"""YAML: read event by event, so that nothing is constructed but mappings, lists and text.

Scalars stay as written (`no` is not false and 1.10 is not 1.1), aliases are refused before anything
is built from them, and depth is counted as it grows.
"""

import re

import yaml

from .model import FileRefused, Sheet
from .objects import Repeated, sheets_of

_MAX_DEPTH = 40
_MAX_EVENTS = 2_000_000
_EMPTY = frozenset({"", "~", "null", "Null", "NULL"})
_TEXT_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_HANDLES = re.compile(r"^%TAG", re.MULTILINE)
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str) -> list[Sheet]:
    """The sheets of a YAML file; several documents are one row each.

    Raises FileRefused `broken_yaml`, `yaml_alias`, `yaml_tag`, `too_deep`, `too_many_values`, `not_rows`.
    """
    handles = _HANDLES.search(text)
    if handles:
        # A FAQ needs none, and libyaml compares each with all before it.
        raise FileRefused("yaml_tag", tag="%TAG", line=text.count("\n", 0, handles.start()) + 1)
    try:
        documents = _build(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise FileRefused(
            "broken_yaml",
            line=mark.line + 1 if mark else 0,
            column=mark.column + 1 if mark else 0,
            reason=str(getattr(error, "problem", None) or error)[:200],
        ) from error
    return sheets_of(documents[0] if len(documents) == 1 else documents)


def _build(text: str) -> list[object]:
    documents: list[object] = []
    stack: list[_Mapping | list[object]] = [documents]
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if count > _MAX_EVENTS:
            raise FileRefused("too_many_values", limit=_MAX_EVENTS)
        match event:
            case yaml.AliasEvent():
                raise FileRefused("yaml_alias", line=_line(event))
            case yaml.ScalarEvent():
                _refuse_tag(event)
                plain = event.style is None or event.style == ""
                _add(stack[-1], None if plain and event.value in _EMPTY else event.value)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                _refuse_tag(event)
                if len(stack) > _MAX_DEPTH:
                    raise FileRefused("too_deep", format="YAML")
                stack.append(_Mapping() if isinstance(event, yaml.MappingStartEvent) else [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                done = stack.pop()
                _add(stack[-1], done.finish() if isinstance(done, _Mapping) else done)
    return [document for document in documents if document is not None]


class _Mapping:
    """A mapping being read: keys and values alternate."""

    def __init__(self) -> None:
        self.items: dict[str, object] = {}
        self._key: str | None = None
        self._repeated = ""
        self._has_repeated = False

    def add(self, value: object) -> None:
        if self._key is None:
            self._key = str(value) if value is not None else ""
            if self._key in self.items:
                self._has_repeated, self._repeated = True, self._key
        else:
            self.items[self._key] = value
            self._key = None

    def finish(self) -> dict[str, object]:
        if not self._has_repeated:
            return self.items
        result = Repeated(self.items)
        result.key = self._repeated
        return result


def _add(container: "_Mapping | list[object]", value: object) -> None:
    if isinstance(container, _Mapping):
        container.add(value)
    else:
        container.append(value)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _refuse_tag(event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
    if event.tag not in _TEXT_TAGS:
        raise FileRefused("yaml_tag", tag=str(event.tag)[:80], line=_line(event))
