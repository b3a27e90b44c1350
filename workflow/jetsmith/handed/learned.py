"""What stage learn found: points, jets, and closure beside that of binned efficiencies."""

from dataclasses import dataclass, field

from jetsmith.handed.closure import Gate, Status
from jetsmith.io import Stored


@dataclass(frozen=True, slots=True)
class ClosureBin(Stored):
    """Jets of a class in [low, high) of a variable, the last one closed; all sums are signed.

    Attributes:
        low: Lower edge.
        high: Upper edge.
        n_jets: Jets.
        counted: Efficiency counted.
        counted_low: Lower end of its interval (68.3%).
        counted_high: Upper end.
        network: Mean efficiency that the network predicts.
        network_error: Its statistical error, from what it learned of.
        binned: That of the binned efficiencies.
        binned_error: Its statistical error.
    """

    low: float
    high: float
    n_jets: int
    counted: float
    counted_low: float
    counted_high: float
    network: float
    network_error: float
    binned: float
    binned_error: float


@dataclass(frozen=True, slots=True)
class Agreement(Stored):
    """Counted against predicted jets in all bins of a variable.

    Attributes:
        chi2: With the errors of both, and what those of the prediction share between bins.
        n_dof: Bins.
        p_value: Of chi2.
        deviation: Relative deviation, root of the mean of squares over the jets that pass.
        error: What statistics alone make of it.
        status: "not conclusive" is not "passed": there are too few jets to tell.
    """

    chi2: float
    n_dof: int
    p_value: float
    deviation: float
    error: float
    status: Status


@dataclass(frozen=True, slots=True)
class Curve(Stored):
    """One class at one working point, against one variable.

    Attributes:
        class_name: The class.
        point: The working point.
        group: Of the variable.
        feature: The variable.
        is_given: Whether the network is given it.
        bins: By rising values; none where too few jets pass or fail.
        network: Closure of the network; None without bins.
        binned: Closure of the binned efficiencies, of the same jets.
    """

    class_name: str
    point: str
    group: str
    feature: str
    is_given: bool
    bins: tuple[ClosureBin, ...]
    network: Agreement | None
    binned: Agreement | None


@dataclass(frozen=True, slots=True)
class Tags(Stored):
    """Events of the split test by the number of their jets that pass: none, one, and two or more.

    Attributes:
        point: The working point.
        n_events: Events with a jet of a class that was learned.
        counted: Shares of the sum of weights.
        counted_low: Lower ends of their intervals (68.3%).
        counted_high: Upper ends.
        network: Shares by the chances that the network predicts, jets being independent.
        network_error: Their statistical errors, from what it learned of.
        binned: Shares by the binned efficiencies.
        binned_error: Their statistical errors.
    """

    point: str
    n_events: int
    counted: tuple[float, ...]
    counted_low: tuple[float, ...]
    counted_high: tuple[float, ...]
    network: tuple[float, ...]
    network_error: tuple[float, ...]
    binned: tuple[float, ...]
    binned_error: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Learned(Stored):
    """Efficiencies that networks have learned from the split calibration, tested in the split test.

    Attributes:
        learned: Name of the entry.
        judgement: Whose working points.
        sample: Of which sample.
        seed: Of halves and trainings.
        thresholds: By working point, the loosest first.
        flavors: Code of each class that was learned.
        lacking: Classes without jets of positive summed weight.
        n_learned: Jets learned from, by class.
        n_tested: Jets tested on, by class.
        negative: Whether weights below 0 were classes of their own.
        epochs: Of each member.
        status: The worst of the gates.
        gates: By class: in what the network is given, and in what it is not.
        curves: All that was compared.
        tags: By working point, events by their number of tags.
        parity: Largest difference of an efficiency in the ONNX file from that of the networks.
        doubts: By working point the marks of calibrate, of those that few jets or ties fix.
        by: By class what its code means: `hadron_flavour` or `truth`.
    """

    learned: str
    judgement: str
    sample: str
    seed: int
    thresholds: dict[str, float]
    flavors: dict[str, int]
    lacking: tuple[str, ...]
    n_learned: dict[str, int]
    n_tested: dict[str, int]
    negative: bool
    epochs: tuple[int, ...]
    status: Status
    gates: tuple[Gate, ...]
    curves: tuple[Curve, ...]
    tags: tuple[Tags, ...]
    parity: float
    doubts: dict[str, str] = field(default_factory=dict)
    by: dict[str, str] = field(default_factory=dict)
