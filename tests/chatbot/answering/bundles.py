"""What the answering tests answer with."""

from customers.culture import PHRASES, Manners


def manners(locale: str = "en-US") -> Manners:
    """A persona whose every phrase is the phrase's name."""
    return Manners(
        locale=locale,
        brand="Brand",
        persona_name="Wren",
        persona_role="assistant",
        time_zone="UTC",
        phrases={name: name for name in PHRASES},
        greetings={"morning": "Good morning", "afternoon": "Good afternoon", "evening": "Good evening"},
        suggestions=("returns",),
    )
