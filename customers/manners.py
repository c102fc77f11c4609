"""From a locale profile to how it speaks."""

from customers.culture import Manners
from customers.models import LocaleProfile


def manners_of(profile: LocaleProfile) -> Manners:
    """Return the snapshot of a profile that answers are composed with."""
    return Manners(
        locale=profile.locale,
        brand=profile.brand,
        persona_name=profile.persona_name,
        persona_role=profile.persona_role,
        time_zone=profile.time_zone,
        phrases=dict(profile.phrases),
        greetings=dict(profile.greetings),
        suggestions=tuple(profile.suggestions),
        foreign_answers=profile.foreign_answers,
        max_wrong_percent=profile.max_wrong_percent,
        highest_level=profile.highest_level,
        formality=profile.formality,
        connectives=tuple(profile.connectives),
        forbidden_claims=tuple(profile.forbidden_claims),
        softeners=dict(profile.softeners),
        closings=dict(profile.closings),
    )
