"""Reads a file in a process of its own: whatever a file does to it, the caller's memory and time are its own.

The process gets a request as one line of JSON and the file after it on standard input, and writes one JSON object.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from .error_file import ErrorFile, with_error_column
from .model import Column, EncodingCandidate, FaqRow, FileRefused, ParsedFile, RowError
from .reader import parse

MEMORY_BYTES = 1_500_000_000
"""Address space of the process; a file at every limit at once stays below it."""
SECONDS = 120
_ROOT = Path(__file__).resolve().parent.parent.parent
_DATES = ("valid_from", "valid_until")


def parse_apart(
    data: bytes,
    *,
    filename: str,
    locale: str | None,
    locales: Collection[str] | None = None,
    mapping: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> ParsedFile:
    """What `parse` gives, from a process of its own.

    Raises FileRefused as `parse` does, and `too_demanding` when the process ran out of memory or time.
    """
    request = {
        "work": "parse",
        "filename": filename,
        "locale": locale,
        "locales": None if locales is None else list(locales),
        "mapping": None if mapping is None else dict(mapping),
        "encoding": encoding,
    }
    return _parsed(json.loads(_run(request, data)))


def error_file_apart(
    data: bytes,
    *,
    filename: str,
    errors: Sequence[tuple[RowError, str]],
    header_locale: str,
    mapping: Mapping[str, str] | None = None,
    languages: Collection[str] = (),
    encoding: str | None = None,
) -> ErrorFile:
    """What `with_error_column` gives for errors with their sentences. Raises as `parse_apart`."""
    request = {
        "work": "error_file",
        "filename": filename,
        "errors": [{"sheet": error.sheet, "row": error.row, "sentence": text} for error, text in errors],
        "header_locale": header_locale,
        "mapping": None if mapping is None else dict(mapping),
        "languages": list(languages),
        "encoding": encoding,
    }
    answer = _run(request, data)
    head, _, body = answer.partition(b"\n")
    if not body:
        _parsed(json.loads(head))
    named = json.loads(head)
    return ErrorFile(data=body, filename=named["filename"], content_type=named["content_type"])


def _run(request: Mapping[str, Any], data: bytes) -> bytes:
    head = json.dumps(request).encode() + b"\n"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "customers.faq_file.apart"],
            input=head + data,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            timeout=SECONDS,
            check=True,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise FileRefused("too_demanding") from error
    return done.stdout


def _parsed(answer: dict[str, Any]) -> ParsedFile:
    if "refused" in answer:
        raise FileRefused(answer["refused"], **answer["data"])
    parts: dict[str, Callable[..., Any]] = {
        "encoding_candidates": EncodingCandidate, "columns": Column, "rows": _row, "errors": RowError,
        "warnings": RowError,
    }  # fmt: skip
    read = {name: tuple(make(**item) for item in answer[name]) for name, make in parts.items()}
    return ParsedFile(**{**answer, **read, "missing": tuple(answer["missing"])})


def _row(**values: Any) -> FaqRow:
    lists = {name: tuple(values[name]) for name in ("alternates", "tags", "follow_ups")}
    dates = {name: values[name] and date.fromisoformat(values[name]) for name in _DATES}
    return FaqRow(**{**values, **lists, **dates})


# ---------------------------------------------------------------- in the process of its own


def _work(request: dict[str, Any], data: bytes) -> bytes:
    work = request.pop("work")
    try:
        return (_parse if work == "parse" else _error_file)(request, data)
    except FileRefused as refusal:
        return json.dumps({"refused": refusal.code, "data": dict(refusal.data)}).encode()


def _parse(request: dict[str, Any], data: bytes) -> bytes:
    parsed = parse(data, **request)
    rows = [
        {**vars(row), **{name: getattr(row, name) and getattr(row, name).isoformat() for name in _DATES}}
        for row in parsed.rows
    ]
    answer = {
        name: getattr(parsed, name) for name in ("format", "encoding", "delimiter", "missing", "proposed")
    }
    for name in ("encoding_candidates", "columns", "errors", "warnings"):
        answer[name] = [asdict(item) for item in getattr(parsed, name)]
    return json.dumps(answer | {"rows": rows}).encode()


def _error_file(request: dict[str, Any], data: bytes) -> bytes:
    said = [
        (RowError(sheet=item["sheet"], row=item["row"], code=""), item["sentence"])
        for item in request.pop("errors")
    ]
    sentences = {id(error): text for error, text in said}
    made = with_error_column(
        data, errors=[error for error, _ in said], sentence=lambda error: sentences[id(error)], **request
    )
    head = {"filename": made.filename, "content_type": made.content_type}
    return json.dumps(head).encode() + b"\n" + made.data


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    line = sys.stdin.buffer.readline()
    sys.stdout.buffer.write(_work(json.loads(line), sys.stdin.buffer.read()))
