"""Boosted trees by scikit-learn's HistGradientBoostingClassifier, saved with skops.

It needs minutes at most and no checkpoints: a killed training starts anew, with the same result.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jetsmith import plugs
from jetsmith.errors import InputError
from jetsmith.plugs import Count, Share
from jetsmith.progress import Progress
from jetsmith.specs.classifiers import RecipeSpec

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Labelled, Task
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = True, True, False, False
SIGNED, TAGS = False, True
# What a saved model consists of; anything else in the file is refused.
TRUSTED = (
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)


class Options(plugs.Options):
    """scikit-learn's parameters of the same names; shrinkage and rounds are keys of `training`."""

    max_leaf_nodes: int | None = Field(
        31, ge=2, le=1_000_000, description="Most leaves of a tree; none for any number."
    )
    max_depth: Count | None = Field(None, description="Largest depth of a tree; none for any.")
    min_samples_leaf: Count = Field(20, description="Fewest rows in a leaf.")
    l2_regularization: float = Field(0.0, ge=0, description="L2 penalty on the leaves.")
    max_features: Share = Field(1.0, description="Share of the features that a split chooses from.")
    max_bins: int = Field(255, ge=2, le=255, description="Bins of a feature.")

    @property
    def learns_by_seed(self) -> bool:
        """By features that are drawn."""
        return self.max_features < 1


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU."""
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """Boost until the validation loss has not fallen for `patience` rounds; keep the best round."""
    import numpy as np
    import skops.io
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    from jetsmith import io
    from jetsmith.archives import steady

    start, training = time.monotonic(), task.spec.training
    options = Options.model_validate(task.spec.architecture)
    seed = int(np.random.default_rng([task.seed, 2]).integers(2**31))
    classifier = HistGradientBoostingClassifier(
        **options.model_dump(),
        learning_rate=training.learning_rate,
        max_iter=training.epochs,
        early_stopping=True,
        n_iter_no_change=training.patience,
        scoring="loss",
        random_state=seed if options.learns_by_seed else 0,  # it draws rows for its bins, too
    )
    validation = task.validation
    progress = Progress(f"train {task.spec.name}", training.epochs, "rounds", every_s=0)
    with threadpool_limits(task.threads):
        classifier.fit(
            _matrix(task.train),
            task.train.target,
            task.train.weight,
            X_val=_matrix(validation),
            y_val=validation.target,
            sample_weight_val=validation.weight,
        )
    losses = zip(-classifier.train_score_[1:], -classifier.validation_score_[1:], strict=True)
    seconds = round((time.monotonic() - start) / classifier.n_iter_, 4)
    history = [
        {"epoch": i, "loss": float(loss), "validation_loss": float(validation_loss), "seconds": seconds}
        for i, (loss, validation_loss) in enumerate(losses, start=1)
    ]
    best = 1 + int(np.argmin([row["validation_loss"] for row in history]))
    del classifier._predictors[best:]  # scikit-learn keeps its last round
    classifier.train_score_ = classifier.train_score_[: best + 1]
    classifier.validation_score_ = classifier.validation_score_[: best + 1]
    with io.atomic_file(task.folder / "model.skops") as temporary:
        temporary.write_bytes(steady(skops.io.dumps(classifier)))
    last = history[-1]
    note = f"loss {last['loss']:.5f}, validation {last['validation_loss']:.5f}"
    progress.update(len(history), note)
    return history


def _matrix(data: "Labelled") -> "FloatArray":
    return data.rows.matrix(slice(0, len(data.rows)))


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """Class probabilities, shape (N, C), float32.

    Raises:
        InputError: The model's file holds something that such a model does not consist of, or it is of
            another number of classes.
    """
    import numpy as np
    import skops.io
    from threadpoolctl import threadpool_limits

    from jetsmith.classifiers import require_classes
    from jetsmith.packed.rows import CHUNK

    path = model / "model.skops"
    foreign = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)
    if foreign:
        raise InputError(
            f"{path}: holds {', '.join(sorted(foreign))}, which no trained model does; not loaded"
        )
    classifier = skops.io.load(path, trusted=list(TRUSTED))
    require_classes(model, len(classifier.classes_), spec)
    out = np.empty((len(rows), len(spec.classes)), np.float32)
    progress = Progress(f"score {spec.name}", len(rows), "rows")
    with threadpool_limits(threads):
        for which in rows.slices(CHUNK):
            out[which] = classifier.predict_proba(rows.matrix(which))
            progress.update(which.stop)
    return out
