"""What a workbook writer is given: sheets of text."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One sheet to write; `header_row` counts from 1, `widths` are in characters, first column first."""

    name: str
    rows: Sequence[Sequence[str]]
    header_row: int = 1
    widths: Sequence[int] = ()
    right_to_left: bool = False
