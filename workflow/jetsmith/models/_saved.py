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
from jetsmith.errors import InputError


def load(folder: str | Path) -> Any:
    """The network of a model's folder, a `keras.Model`; no code comes from the file.

    Raises:
        InputError: It is none that this Keras, with these layers, puts together.
    """
    path = Path(folder) / "model.keras"
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of whatever type Keras, h5py or an engine raises
        if _is_of_the_machine(error):
            raise
        reason = (str(error).strip().splitlines() or [""])[0]
        raise InputError(
            f"{path}: cannot be read as a network: {type(error).__name__}: {reason:.200}; train it "
            "again with this version"
        ) from error


def _is_of_the_machine(error: Exception) -> bool:
    """Whether the same file may be read elsewhere: memory, of a GPU too, or the disk ran out or failed."""
    no_memory = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
    failed = isinstance(error, OSError) and error.errno is not None
    return no_memory or failed or "RESOURCE_EXHAUSTED" in str(error)
