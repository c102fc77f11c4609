"""How a locale speaks where no profile says so: in exams, and where answers are evaluated on files alone."""

from customers.culture import Manners


def plain_manners(locale: str, *, level: str = "generative") -> Manners:
    """Return neutral manners without any phrases, whose answers are composed up to a level."""
    return Manners(
        locale=locale,
        brand="",
        persona_name="",
        persona_role="",
        time_zone="UTC",
        phrases={},
        greetings={},
        suggestions=(),
        highest_level=level,
    )
