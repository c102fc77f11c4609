"""Fit the calibrator for questions in another language than the FAQ's, and write it where the server reads it.

    python -m chatbot.learning.fit_abroad SOURCE... --encoder FOLDER

A source is what `chatbot.learning.fit` takes; those of one family share FAQ ids. Each FAQ is asked the shown questions
of its family's other locales. Run it anew after each `fit`, whose weights it stands on.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from chatbot.answering.abroad import CALIBRATOR, uncalibrated
from chatbot.learning.dataset import DatasetError
from chatbot.learning.encoding import LocalEncoder
from chatbot.learning.examples import Group, calibration_rows, examine
from chatbot.learning.fit import Source, read_source
from chatbot.learning.fitting import fit_calibrator
from chatbot.learning.material import Material, embed_entries

# Other languages are searched when the message's own has no answer: then, often nothing has.
OUT_OF_SCOPE = 0.5
PULL = 1e-3


def main(argv: Sequence[str] | None = None) -> int:
    """Fit and write; return the exit status."""
    options = _parser().parse_args(argv)
    encoder = LocalEncoder(options.encoder)
    try:
        sources = [read_source(path) for path in options.source]
    except DatasetError as error:
        print(error, file=sys.stderr)
        return 1
    materials = [
        (source, embed_entries(source.dataset.entries, embed=encoder.embed, tokenize=encoder.tokenize))
        for source in sources
    ]
    groups = list(groups_of(materials))
    print(f"{len(groups)} pairs of locales")
    odds, right, counts = calibration_rows(groups, uncalibrated())
    fitted = fit_calibrator(odds, right, counts, prior=uncalibrated().calibrator, pull=PULL)
    about = {"encoder": encoder.version, "sources": [source.dataset.name for source in sources]}
    options.output.write_text(
        json.dumps({"about": about, "intercept": fitted.intercept, "slope": fitted.slope}, indent=1) + "\n"
    )
    return 0


def groups_of(materials: Sequence[tuple[Source, Material]]) -> Iterator[Group]:
    """Yield, for each ordered pair of locales of one family, how the one's FAQ fares with the other's questions."""
    for source, material in materials:
        index = material.index()
        for other, asking in materials:
            if other is source or other.family != source.family:
                continue
            shown = asking.shown.nonzero()[0]
            questions = [
                (asking.asked(int(row)), frozenset({entry.key}) & index.by_key.keys())
                for row, entry in zip(shown, asking.entries, strict=True)
            ]
            yield Group(examples=examine(index, questions), out_of_scope=OUT_OF_SCOPE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chatbot.learning.fit_abroad", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("source", nargs="+", type=Path, help="a data set's folder or an FAQ file")
    parser.add_argument("--encoder", required=True, type=Path, help="the encoder's model folder")
    parser.add_argument(
        "--output", type=Path, default=CALIBRATOR, help="where it goes (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
