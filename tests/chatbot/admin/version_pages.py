"""The addresses of the pages about versions, and versions that are live."""

from django.urls import reverse

from chatbot import versions
from chatbot.models import ModelVersion, VersionChange
from customers.models import LocaleProfile


def to(name: str, pk: int) -> str:
    return reverse(f"knowledge:{name}", args=[pk])


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined]


def live(profile: LocaleProfile) -> ModelVersion | None:
    return versions.live(profile_id=profile.pk)


def finish(profile: LocaleProfile) -> None:
    """Let the change that waits be made, as the worker does once the vectors are there."""
    assert versions.change_finish(
        change=VersionChange.objects.get(profile=profile, state=VersionChange.State.WAITING)
    )


def go_live(version: ModelVersion) -> ModelVersion:
    versions.change_open(
        profile=version.profile,
        version=version,
        kind=VersionChange.Kind.OVERRIDDEN,
        actor="omar",
        reason="yes",
    )
    finish(version.profile)
    return version
