"""What passes between the encoder and those who use it. Knows no torch, so what needs no model starts fast."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["query", "passage"]
Vectors = NDArray[np.float32]
