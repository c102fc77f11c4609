"""What the FAQ list does with many entries at once: labels, and moves with their conflicts."""

from collections.abc import Callable, Sequence

import pytest
from django.test import Client

from customers import faq_bulk, services
from customers.models import AuditRecord, FaqEntry, LocaleProfile
from customers.services import FaqDraft
from tests.customers.screens import make_entries, make_profile, screen

pytestmark = pytest.mark.django_db


def act(client: Client, action: str, entries: Sequence[FaqEntry], **data: str) -> object:
    chosen = {"action": action, "select_across": "0", "index": "0"}
    return client.post(screen("faqentry"), chosen | {"_selected_action": [e.pk for e in entries]} | data)


def where(key: str) -> set[str]:
    return set(FaqEntry.objects.filter(key=key).values_list("profile__locale", flat=True))


def revision(profile: LocaleProfile) -> int:
    return LocaleProfile.objects.get(pk=profile.pk).faq_revision


def test_labels_change_what_was_asked_and_no_word(login: Callable[..., Client]) -> None:
    profile, other = make_profile("demo"), make_entries(make_profile("other"), 1)
    entries = make_entries(profile, 3)
    client, before = login(demo="support"), entries[0].updated_at
    page = act(client, "label_selected", entries[:2])
    assert "2 FAQs are selected" in page.content.decode()  # type: ignore[attr-defined]
    act(client, "label_selected", [*entries[:2], *other], apply="1", category="返品", add_tags="a, b")
    act(client, "label_selected", entries[:1], apply="1", remove_tags="a")
    rows = [FaqEntry.objects.get(pk=entry.pk) for entry in (*entries, *other)]
    assert [(row.category, row.tags) for row in rows] == [
        ("返品", ["b"]), ("返品", ["a", "b"]), ("category-2", []), ("category-0", []),
    ]  # fmt: skip
    assert rows[0].updated_at == before
    assert AuditRecord.objects.filter(action="faq_label", actor="lena").count() == 2
    act(client, "label_selected", entries[:1], apply="1", clear_category="on")
    assert FaqEntry.objects.get(pk=entries[0].pk).category == ""
    for wrong in ({}, {"clear_category": "on", "category": "x"}):
        page = act(client, "label_selected", entries, apply="1", **wrong)
        assert page.context["form"].non_field_errors()  # type: ignore[attr-defined]
    page = act(client, "label_selected", entries, apply="1")
    assert "Nothing to change was entered" in page.content.decode()  # type: ignore[attr-defined]


def test_a_move_is_shown_before_it_is_made(login: Callable[..., Client]) -> None:
    source, target = make_profile("demo"), make_profile("demo", "de-AT")
    entries = make_entries(source, 4)
    services.faq_import(
        profile=target,
        drafts=[
            FaqDraft(key="faq-1", questions=("There already?",), answer="old"),
            FaqDraft(key="else", questions=("QUESTION 2 of demo · de-de?",), answer="the same question"),
        ],
        actor="test",
    )
    client = login(demo="support")
    page = act(client, "move_selected", entries, check="1", target=str(target.pk), conflict="keep")
    plan = page.context["plan"]  # type: ignore[attr-defined]
    assert [e.key for e in plan.free] == ["faq-0", "faq-3"]
    assert [e.key for e in plan.same_key] == ["faq-1"]
    assert [e.key for e in plan.same_question] == ["faq-2"]
    assert where("faq-0") == {"de-DE"}, "checking moved something"
    before = revision(source), revision(target)
    act(client, "move_selected", entries, apply="1", target=str(target.pk), conflict="keep")
    assert (where("faq-0"), where("faq-1"), where("faq-2")) == ({"de-AT"}, {"de-DE", "de-AT"}, {"de-DE"})
    assert (revision(source), revision(target)) == (before[0] + 1, before[1] + 1)
    assert FaqEntry.objects.get(pk=entries[0].pk).questions.count() == 2
    act(client, "move_selected", entries[1:2], apply="1", target=str(target.pk), conflict="replace")
    assert FaqEntry.objects.get(key="faq-1").answer == "Answer 1"
    assert AuditRecord.objects.filter(action="faq_move").count() == 2


def test_of_two_locales_with_one_id_the_first_moves() -> None:
    first, second, target = (make_profile("demo", tag) for tag in ("de-DE", "de-CH", "de-AT"))
    entries = [*make_entries(first, 1), *make_entries(second, 1)]
    for replace in (False, True):
        counts = faq_bulk.faq_entries_move(entries=entries, target=target, replace=replace, actor="test")
    assert (counts.moved, counts.kept) == (1, 1)
    assert FaqEntry.objects.filter(profile=target).count() == 1


def test_nothing_moves_to_another_tenant(login: Callable[..., Client]) -> None:
    mine, other = make_entries(make_profile("demo"), 1), make_profile("other", "fr-FR")
    with pytest.raises(ValueError, match="own tenant"):
        faq_bulk.faq_entries_move(entries=mine, target=other, replace=True, actor="test")
    client = login(demo="support", other="support")
    page = act(client, "move_selected", mine, apply="1", target=str(other.pk), conflict="keep")
    assert page.context["form"].errors["target"]  # type: ignore[attr-defined]
    act(client, "move_selected", [*mine, *make_entries(other, 1)], apply="1", target=str(other.pk))
    assert where("faq-0") == {"de-DE", "fr-FR"}


def test_a_thousand_move_in_few_statements(django_assert_max_num_queries: Callable[..., object]) -> None:
    source, target = make_profile("demo"), make_profile("demo", "de-AT")
    entries = make_entries(source, 1000)
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        counts = faq_bulk.faq_entries_move(entries=entries, target=target, replace=False, actor="test")
    assert counts.moved == 1000
