"""A locale's own ranker: the shipped weights, moved as far as the FAQ's own alternates give reason to."""

from collections.abc import Sequence

import numpy as np

from chatbot.answering.rank import Weights, default_weights
from chatbot.learning.examples import Example, Group, hold_out
from chatbot.learning.fitting import fit
from chatbot.learning.material import Material

FOLDS = 10
MOST = 1000
# How many examples it takes to outweigh the shipped weights: the pull towards them falls with the number of examples.
FUSION_STRENGTH = 1.0
CALIBRATOR_STRENGTH = 2.0


def own_weights(material: Material, *, seed: int, prior: Weights | None = None) -> Weights:
    """Fit ranking and calibration to one FAQ, by asking its alternates of the FAQ without them.

    An FAQ without alternates keeps the prior.
    """
    prior = prior or default_weights()
    examples = hold_out(material, folds=FOLDS, most=MOST, random=np.random.default_rng(seed))
    return fitted_to(examples, prior=prior)


def fitted_to(examples: Sequence[Example], *, prior: Weights) -> Weights:
    """Fit ranking and calibration to an FAQ's examples; without any that has an answer, return the prior."""
    if not any(example.right.any() for example in examples):
        return prior
    return fit(
        [Group(examples=examples)],
        prior=prior,
        fusion_pull=FUSION_STRENGTH / len(examples),
        calibrator_pull=CALIBRATOR_STRENGTH / len(examples),
    )
