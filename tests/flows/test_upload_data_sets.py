"""Whole FAQs through the form and through `faq_import`, in every spreadsheet of the trade: rows in are rows live.

KEFU_TEST_DATA names a folder whose subfolders hold a `faq.jsonl` each; without it the demo's own FAQs are taken.
"""

import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command

from chatbot.bench.server import RunningServer
from customers import faq_store
from customers.demo.load import FOLDER
from customers.faq_file.model import FaqRow
from customers.faq_file.reader import parse
from customers.faq_file.writer import export
from customers.faq_upload import draft_of
from customers.models import LocaleProfile
from tests.flows.client import chat
from tests.flows.uploading import (
    DROP_TENANTS,
    MAKE_TENANTS,
    admin,
    apply,
    in_django,
    revert,
    stored,
    sums,
    until_live,
    upload,
)

GIVEN = os.environ.get("KEFU_TEST_DATA", "")
FORMATS = ("csv", "xlsx", "json")
LIVE_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One FAQ of one locale, whose file holds `lines` entries."""

    slug: str
    locale: str
    path: Path
    rows: tuple[FaqRow, ...]
    lines: int
    errors: tuple[str, ...]

    def write(self, folder: Path, form: str) -> Path:
        path = folder / f"{self.slug}.{form}"
        path.write_bytes(export(self.rows, format=form, header_locale=self.locale))
        return path


def data_sets() -> Iterator[DataSet]:
    """Yield the given sets, or else the demo's."""
    paths = sorted(Path(GIVEN).rglob("faq.jsonl") if GIVEN else (FOLDER / "faq").glob("*.csv"))
    assert paths, f"There is no faq.jsonl in {GIVEN}."
    for path in paths:
        data = path.read_bytes()
        parsed = parse(data, filename=path.name, locale=None if GIVEN else path.stem)
        (locale,) = {row.locale for row in parsed.rows}
        name = str(path.parent.relative_to(GIVEN)) if GIVEN else path.stem
        yield DataSet(
            slug="set-" + name.replace("/", "-").lower(),
            locale=locale,
            path=path,
            rows=parsed.rows,
            lines=len(data.decode().splitlines()) if GIVEN else len(parsed.rows) + len(parsed.errors),
            errors=tuple(f"{error.row}: {error.code}" for error in parsed.errors),
        )


SETS = list(data_sets())
# Every set in every format is minutes of work; of the demo's, three go through the form, one in each.
CASES = (
    [(data_set, FORMATS) for data_set in SETS]
    if GIVEN
    else [(data_set, (form,)) for data_set, form in zip(SETS, FORMATS, strict=False)]
)


@contextmanager
def tenants(server: RunningServer) -> Iterator[None]:
    """A tenant without a FAQ for each set."""

    in_django(server, MAKE_TENANTS, {data_set.slug: data_set.locale for data_set, _ in CASES})
    yield
    in_django(server, DROP_TENANTS, [data_set.slug for data_set, _ in CASES])


def by_id(rows: tuple[FaqRow, ...]) -> Mapping[str, FaqRow]:
    return {row.id: row for row in rows}


@pytest.mark.browser
@pytest.mark.slow
async def test_every_set_goes_live_through_the_form(server: RunningServer, tmp_path: Path) -> None:
    addresses = {}
    with tenants(server):
        async with admin(server) as opened:
            for data_set, formats in CASES:
                place = {"tenant": data_set.slug, "locale": data_set.locale}
                for form in formats:
                    path = data_set.write(tmp_path, form)
                    state = await upload(opened, server, path, data_set.locale, tenant=data_set.slug)
                    assert (state, await sums(opened)) == (
                        "ready",
                        {"new": len(data_set.rows), "changed": 0, "unchanged": 0, "errors": 0},
                    ), path.name
                    await apply(opened)
                    assert stored(server, **place) == by_id(data_set.rows), path.name
                    if form != formats[-1]:
                        await revert(opened)
                        assert stored(server, **place) == {}
                addresses[data_set.slug] = opened.url
            for address in addresses.values():
                await opened.goto(address)
                await until_live(opened, seconds=LIVE_SECONDS)
        for data_set, formats in CASES:
            row = data_set.rows[0]
            async with chat(server.port, tenant=data_set.slug, locale=data_set.locale) as visitor:
                await visitor.hello()
                assert (await visitor.ask(row.question))["text"] == row.answer
            print(
                f"{data_set.slug}: {data_set.lines} entries in the file, {len(data_set.rows)} live, as",
                *formats,
            )


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["as it is", *FORMATS])
def test_every_set_goes_in_by_the_command(form: str, tmp_path: Path) -> None:
    for data_set in SETS:
        path = data_set.path if form == "as it is" else data_set.write(tmp_path, form)
        out = io.StringIO()
        call_command(
            "faq_import", str(path), tenant=data_set.slug, locale=data_set.locale, json=True, stdout=out
        )
        result = json.loads(out.getvalue())
        assert (result["errors"], result["created"]) == ([], len(data_set.rows))
        profile = LocaleProfile.objects.get(tenant__slug=data_set.slug, locale=data_set.locale)
        live = faq_store.load(profile_id=profile.pk)
        assert live == {row.id: draft_of(row) for row in data_set.rows}
