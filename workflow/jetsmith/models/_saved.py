"""Reading networks that stage train saved."""

from pathlib import Path
from typing import Any

import keras

import jetsmith.models._attention
import jetsmith.models._categories
import jetsmith.models._convolutions
import jetsmith.models._edges
import jetsmith.models._images
import jetsmith.models._layers
import jetsmith.models._pairs
import jetsmith.models._recurrent  # noqa: F401  register the layers that the files name


def load(folder: str | Path) -> Any:
    """The network of a model's folder, a `keras.Model`; no code comes from the file."""
    return keras.models.load_model(Path(folder) / "model.keras", compile=False, safe_mode=True)
