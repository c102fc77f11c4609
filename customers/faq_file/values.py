"""Dates, truth values and derived ids: the small vocabularies of a FAQ file."""

import hashlib
import re
from datetime import date

from .text import fold, question_key

_YEAR_FIRST = re.compile(
    r"(\d{4})\s*[-/.年년]\s*(\d{1,2})\s*[-/.月월]\s*(\d{1,2})\s*[日일.]?(?:[T ]0{1,2}:00(?::00(?:\.0+)?)?Z?)?"
)
_YES = (
    "yes y true t 1 on x active enabled published ✓ ✔ ☑ 是 对 有效 启用 啟用 真 开 はい 有効 公開 オン"
    " 真 ○ 〇 예 네 참 사용 활성 sí verdadero activo activa sim verdadeiro ativo ativa oui vrai actif"
    " active ja wahr aktiv نعم صحيح مفعّل نشط हाँ हां सही सत्य सक्रिय"
)
_NO = (
    "no n false f 0 off inactive disabled unpublished ✗ ✘ ☐ 否 无效 停用 假 关 いいえ 無効 非公開 オフ"
    " 偽 × 아니오 아니요 거짓 미사용 비활성 falso inactivo inactiva não inativo inativa non faux"
    " inactif inactive nein falsch inaktiv لا خطأ معطّل غير_نشط नहीं गलत असत्य निष्क्रिय"
)


def _key(word: str) -> str:
    # Marks such as ✓ and ○ fold to nothing, so they stand for themselves.
    return fold(word) or word.strip()


_TRUTH = {_key(word): True for word in _YES.split()} | {_key(word): False for word in _NO.split()}


def parse_boolean(text: str) -> bool | None:
    """Yes or no in any of Kefu's languages, or None."""
    return _TRUTH.get(_key(text))


def parse_date(text: str) -> date | None:
    """A date written year first (2026-01-31, 2026/1/31, 2026年1月31日), or None.

    Day-first and month-first forms cannot be told apart, so neither is guessed at.
    """
    match = _YEAR_FIRST.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def derive_id(locale: str, question: str) -> str:
    """A stable id for a row without one: the same locale and question give it again on every import.

    It survives changes of case, width, spacing and closing punctuation; a reworded question is a new
    entry unless its row carries the id, which every export writes.
    """
    digest = hashlib.sha256(f"{locale}\n{question_key(question)}".encode()).hexdigest()
    return f"q-{digest[:16]}"
