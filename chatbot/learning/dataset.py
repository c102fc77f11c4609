"""Evaluation sets: an FAQ and questions whose right entries are known, as JSON lines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from chatbot.engine.index import Entry

FAQ_FILE = "faq.jsonl"
QUERIES_FILE = "queries.jsonl"
META_FILE = "meta.json"

T = TypeVar("T")


class DatasetError(ValueError):
    """A file is not a data set; the message names file, line, value and what is wanted."""


@dataclass(frozen=True, kw_only=True)
class LabelledQuery:
    """A question and the grades of the FAQs that answer it; without any it is out of scope."""

    key: str
    text: str
    relevant: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One FAQ with labelled questions."""

    name: str
    locale: str
    entries: tuple[Entry, ...]
    queries: tuple[LabelledQuery, ...]


def read_dataset(faq: Path, queries: Path, *, name: str, locale: str) -> Dataset:
    """Read an FAQ and its queries. Raises DatasetError."""
    entries = read_faq(faq)
    labelled = read_queries(queries)
    known = {entry.key for entry in entries}
    for query in labelled:
        for key in query.relevant.keys() - known:
            raise DatasetError(
                f"{queries}: query {query.key!r} names the FAQ {key!r}, which {faq} does not hold."
            )
    return Dataset(name=name, locale=locale, entries=entries, queries=labelled)


def read_faq(path: Path) -> tuple[Entry, ...]:
    """Read `{id, locale, question, alternates[], answer}` lines. Raises DatasetError."""
    entries: dict[str, Entry] = {}
    for number, row in _rows(path):
        at = f"{path}, line {number}"
        key = _field(row, "id", str, at)
        alternates = _field(row, "alternates", list, at)
        if not all(isinstance(text, str) for text in alternates):
            raise DatasetError(f"{at}: `alternates` must be a list of texts, but is {alternates!s:.80}.")
        if key in entries:
            raise DatasetError(f"{at}: the id {key!r} is taken by an earlier line; every FAQ needs its own.")
        questions = (_field(row, "question", str, at), *alternates)
        if not questions[0].strip():
            raise DatasetError(f"{at}: `question` is empty; write the question that this FAQ answers.")
        entries[key] = Entry(key=key, questions=questions, answer=_field(row, "answer", str, at))
    return tuple(entries.values())


def read_queries(path: Path) -> tuple[LabelledQuery, ...]:
    """Read `{id, text, relevant: {faq_id: grade}}` lines. Raises DatasetError."""
    queries = []
    for number, row in _rows(path):
        at = f"{path}, line {number}"
        relevant = _field(row, "relevant", dict, at)
        grades = {key: grade for key, grade in relevant.items() if grade != 0}
        if not all(isinstance(grade, int) and grade > 0 for grade in grades.values()):
            raise DatasetError(
                f"{at}: `relevant` must map FAQ ids to whole grades of 0 or more, but is {relevant!r:.80}."
            )
        queries.append(
            LabelledQuery(key=str(row.get("id", number)), text=_field(row, "text", str, at), relevant=grades)
        )
    if not queries:
        raise DatasetError(f"{path} holds no query; there is nothing to evaluate.")
    return tuple(queries)


def find_datasets(folder: Path) -> Iterator[Dataset]:
    """Yield the data sets in a folder's subfolders, by name; subfolders without queries are passed over."""
    found = sorted(
        path.parent for path in folder.glob(f"*/{FAQ_FILE}") if (path.parent / QUERIES_FILE).is_file()
    )
    if not found:
        raise DatasetError(f"No folder in {folder} holds {FAQ_FILE} and {QUERIES_FILE}. Name one that does.")
    for place in found:
        meta = place / META_FILE
        locale = json.loads(meta.read_text("utf-8")).get("locale", "") if meta.is_file() else ""
        yield read_dataset(place / FAQ_FILE, place / QUERIES_FILE, name=place.name, locale=locale)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line numbers and objects of a JSON-lines file, empty lines left out."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DatasetError(f"{path}, line {number} is not JSON ({error}): {line:.60}") from error
        if not isinstance(row, dict):
            raise DatasetError(f"{path}, line {number} must be a JSON object, but is {line:.60}")
        yield number, row


def _field(row: dict[str, Any], name: str, kind: type[T], at: str) -> T:
    """Return a field of the wanted type; a missing answer or list of alternates is an empty one."""
    value = row.get(name, kind() if name in ("answer", "alternates") else None)
    if not isinstance(value, kind):
        raise DatasetError(f"{at}: `{name}` must be a {kind.__name__}, but is {value!s:.80}.")
    return value
