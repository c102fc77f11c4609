"""Import a FAQ file into one tenant's locale."""

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from customers import culture, services
from customers.defaults import profile_defaults
from customers.faq_errors import error_sentence, refusal_sentence
from customers.faq_file.model import FileRefused, ParsedFile, RowError
from customers.faq_file.reader import parse
from customers.faq_upload import drafts_by_locale
from customers.models import LocaleProfile, Tenant

ACTOR = "faq_import"


class Command(BaseCommand):
    """Check a whole file, report every error, and apply it only if there is none."""

    help = (
        "Import a FAQ file. A tenant or locale that does not exist yet is created. Nothing is stored when a row has "
        "an error; every error is listed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the FAQ file")
        parser.add_argument("--tenant", required=True, help="the tenant's slug")
        parser.add_argument(
            "--locale", required=True, help="the locale of rows that name none, such as ja-JP"
        )
        parser.add_argument("--dry-run", action="store_true", help="check and count, but store nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        locale = culture.canonical_locale(options["locale"])
        if locale is None:
            raise CommandError(f"“{options['locale']}” is not a locale tag such as “ja-JP”.")
        try:
            data = options["file"].read_bytes()
            parsed = parse(data, filename=options["file"].name, locale=locale)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        except FileRefused as refusal:
            self._finish({"refused": refusal_sentence(refusal)}, failed=True, **options)
            return
        errors = [_error(error) for error in (*parsed.errors, *_unknown_locales(parsed))] + _file_errors(
            parsed
        )
        counts = {"created": 0, "changed": 0, "unchanged": 0}
        if not errors:
            try:
                counts = self._apply(
                    parsed, locale=locale, tenant=options["tenant"], dry_run=options["dry_run"]
                )
            except ValidationError as error:
                raise CommandError("; ".join(error.messages)) from error
        result = {"rows": len(parsed.rows), **counts, "dry_run": options["dry_run"], "errors": errors}
        self._finish(result, failed=bool(errors), **options)

    def _apply(self, parsed: ParsedFile, *, locale: str, tenant: str, dry_run: bool) -> dict[str, int]:
        """Store the rows of every locale in the file, all or nothing; returns the counts."""
        totals = {"created": 0, "changed": 0, "unchanged": 0}
        with transaction.atomic():
            owner = services.tenant_ensure(slug=tenant, name=tenant, default_locale=locale, actor=ACTOR)
            for row_locale, drafts in drafts_by_locale(parsed.rows).items():
                counts = services.faq_import(
                    profile=_profile(owner, row_locale), drafts=drafts, actor=ACTOR, dry_run=dry_run
                )
                for name in totals:
                    totals[name] += getattr(counts, name)
            if dry_run:
                transaction.set_rollback(True)
        return totals

    def _finish(self, result: dict[str, Any], *, failed: bool, json: bool, **_: Any) -> None:
        """Print the result, and leave with status 1 if nothing was stored because of errors."""
        self.stdout.write(_as_json(result) if json else _as_text(result))
        if failed:
            raise SystemExit(1)


def _profile(tenant: Tenant, locale: str) -> LocaleProfile:
    """Return the tenant's profile for a locale, with the defaults if there is none."""
    found = LocaleProfile.objects.filter(tenant=tenant, locale=locale).first()
    if found is not None:
        return found
    return services.profile_save(
        tenant=tenant, draft=profile_defaults(locale=locale, brand=tenant.name), actor=ACTOR
    )


def _error(error: RowError) -> dict[str, object]:
    return {
        "sheet": error.sheet,
        "row": error.row,
        "column": error.column,
        "value": error.value,
        "code": error.code,
        "reason": error_sentence(error),
    }


def _unknown_locales(parsed: ParsedFile) -> list[RowError]:
    """Return an error for each row whose locale has the form of a tag, but is none that CLDR knows."""
    headers = {column.sheet: column.header for column in parsed.columns if column.field == "locale"}
    return [
        RowError(
            sheet=row.sheet,
            row=row.row,
            column=headers.get(row.sheet, ""),
            value=row.locale,
            code="bad_locale",
        )
        for row in parsed.rows
        if culture.canonical_locale(row.locale) != row.locale
    ]


def _file_errors(parsed: ParsedFile) -> list[dict[str, object]]:
    """Return what keeps the file as a whole from being understood."""
    problems: list[tuple[str, str]] = []
    if parsed.needs_encoding:
        candidates = ", ".join(candidate.encoding for candidate in parsed.encoding_candidates)
        problems.append(("ambiguous_encoding", f"The encoding may be {candidates}. Save the file as UTF-8."))
    if parsed.missing:
        headers = ", ".join(column.header for column in parsed.columns)
        problems.append(("missing_columns", f"No column for {', '.join(parsed.missing)} among: {headers}."))
    return [
        {"sheet": "", "row": 0, "column": "", "value": "", "code": code, "reason": reason}
        for code, reason in problems
    ]


def _as_json(result: dict[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False)


def _as_text(result: dict[str, Any]) -> str:
    if "refused" in result:
        return str(result["refused"])
    lines = [
        f"{result['rows']} good rows: {result['created']} new, {result['changed']} changed, "
        f"{result['unchanged']} unchanged" + (" (dry run, nothing stored)" if result["dry_run"] else "")
    ]
    lines += [
        f"  {e['sheet']} row {e['row']}, {e['column']}: {e['reason']} ({e['value']!r})"
        for e in result["errors"]
    ]
    return "\n".join(lines)
