"""What a locale has to learn from: its FAQ, what visitors and admins have confirmed, and its saved test questions.

What admins correct is in the FAQ itself, as further wordings. Ratings of answers are not kept, so none are read.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

from django.db import connection
from django.db.models import Q

from chatbot import faq_texts
from chatbot.learning.dataset import LabelledQuery
from chatbot.learning.run import TrainingData
from customers.models import LocaleProfile, TestQuestion

# The newest ones; and of one FAQ only so many, as anybody can press a button.
CLARIFICATIONS_READ = 20_000
CLARIFICATIONS_PER_FAQ = 50


def read(*, profile: LocaleProfile) -> TrainingData:
    """Read what a profile has to learn from, as of today."""
    faq = faq_texts.read(profile_id=profile.pk, today=faq_texts.today_of(profile))
    entries = tuple(it.entry for it in faq.entries)
    keys = {entry.key for entry in entries}
    known = {question for entry in entries for question in entry.questions}
    return TrainingData(
        locale=profile.locale,
        entries=entries,
        confirmed=tuple(_clarified(profile, keys, known)),
        tests=tuple(_tests(profile, keys)),
        synonyms=profile.synonyms,
    )


def _tests(profile: LocaleProfile, keys: Collection[str]) -> Iterator[LabelledQuery]:
    """Yield the saved test questions of this locale; one whose FAQs are all gone can get no right answer."""
    mine = Q(lang="") | Q(lang=profile.locale)
    for question in TestQuestion.objects.filter(mine, profile=profile).order_by("pk"):
        relevant = {key: 1 for key in question.expected_keys if key in keys}
        if relevant or not question.expected_keys:
            yield LabelledQuery(key=str(question.pk), text=question.text, relevant=relevant)


def _clarified(
    profile: LocaleProfile, keys: Collection[str], known: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield what visitors had asked and the FAQ that they then chose, where they agree on it."""
    votes = defaultdict[str, Counter[str]](Counter)
    for text, key in _choices(profile):
        if key in keys and text not in known:
            votes[text][key] += 1
    kept = Counter[str]()
    for text, found in votes.items():
        (key, count), *others = found.most_common(2)
        if (others and others[0][1] == count) or kept[key] >= CLARIFICATIONS_PER_FAQ:
            continue
        kept[key] += 1
        yield text, key


def _choices(profile: LocaleProfile) -> list[tuple[str, str]]:
    """Return (what was searched for, the FAQ chosen) of the ask-backs that were followed by a choice, newest first.

    Only of questions that were read on their own: with others, or along with earlier turns, the words are not enough
    to know the FAQ by.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT asked.traces->0->>'read_as', chosen.chosen_key
            FROM chatbot_event chosen
            JOIN chatbot_conversation c ON c.id = chosen.conversation_id AND c.profile_id = %s
            JOIN LATERAL (
                SELECT * FROM chatbot_event b
                WHERE b.conversation_id = chosen.conversation_id AND b.seq < chosen.seq AND b.role = 'bot'
                ORDER BY b.seq DESC LIMIT 1
            ) asked ON asked.outcome = 'clarify' AND asked.lang = %s AND asked.joined = '{}'
                AND asked.suggestions @> jsonb_build_array(jsonb_build_object('faq', chosen.chosen_key))
                AND jsonb_array_length(asked.traces) = 1
            JOIN chatbot_event said ON said.conversation_id = asked.conversation_id AND said.seq = asked.reply_to
                AND length(said.text) >= length(asked.traces->0->>'read_as')
            WHERE chosen.role = 'visitor' AND chosen.chosen_key <> ''
            ORDER BY chosen.id DESC LIMIT %s
            """,
            [profile.pk, profile.locale, CLARIFICATIONS_READ],
        )
        return cursor.fetchall()
