"""What explain found of a tagger: what its discriminant loses without an input, and what moves it."""

from dataclasses import dataclass

from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class Lost(Stored):
    """What a tagger loses where features have the values of other jets.

    Attributes:
        group: Their group.
        features: Which; exchanged together.
        loss: In the area under the ROC curve.
        low: Lower end of its interval (68.3%).
        high: Upper end.
    """

    group: str
    features: tuple[str, ...]
    loss: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Share(Stored):
    """Mean size of what features add to the logarithm of a ratio.

    Attributes:
        group: Their group.
        features: Which; what they add is summed first.
        size: Mean over jets of |sum of what they add|, of sequences over all constituents.
    """

    group: str
    features: tuple[str, ...]
    size: float


@dataclass(frozen=True, slots=True)
class Attribution(Stored):
    """How the value of each jet is shared among its inputs.

    Attributes:
        method: `shap` or `integrated_gradients`.
        jets: How many there were.
        steps: Of the integral; 0 of trees.
        residual: Mean of |sum of the shares - what they share|, over the mean size of that.
        complete: Whether that is small enough (`explaining.TOLERANCE`).
        features: A feature each.
        groups: An input group each.
        correlated: What `Explanation.correlated` has, each.
    """

    method: str
    jets: int
    steps: int
    residual: float
    complete: bool
    features: tuple[Share, ...]
    groups: tuple[Share, ...]
    correlated: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Explanation(Stored):
    """A tagger's first discriminant, on jets that its training did not see.

    Attributes:
        tagger: Whose.
        sample: Of whose jets.
        discriminant: Its name.
        signal: Class of the signal.
        background: Class of the background, the first that judges the tagger.
        jets: Jets of these classes; 0 where one has none, and then there is nothing below.
        auc: Area under the ROC curve.
        features: What each feature alone costs.
        groups: What each input group costs.
        correlated: What flat features cost that say nearly the same.
        attribution: None where the backend has no way to it.
    """

    tagger: str
    sample: str
    discriminant: str
    signal: str
    background: str
    jets: int
    auc: float
    features: tuple[Lost, ...]
    groups: tuple[Lost, ...]
    correlated: tuple[Lost, ...]
    attribution: Attribution | None
