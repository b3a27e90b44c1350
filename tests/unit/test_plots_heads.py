"""Protects the figure of auxiliary heads: fractions against loops, and what it says of heads that are off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import io
from jetsmith.errors import InputError
from jetsmith.plots import heads
from jetsmith.specs.shown import TrainedSpec
from tests.unit.test_plots import STYLE

TRAINED = TrainedSpec(name="gn2", title="GN2-like", backend="keras")
RNG = np.random.default_rng(1)
NAMES = ["fake", "primary", "from_b"]
CONFUSION = [[8, 2, 0], [1, 5, 4], [0, 0, 0]]
SAME, DIFFERENT = RNG.poisson(np.linspace(0, 9, 10)), RNG.poisson(np.linspace(30, 0, 10))


def counted(**changes: Any) -> dict[str, Any]:
    return {
        "jets": 12,
        "heads": {
            "origin": {"kind": "constituents", "names": NAMES, "confusion": CONFUSION},
            "vertices": {
                "kind": "pairs", "names": [], "same": SAME.tolist(), "different": DIFFERENT.tolist(),
            },
        },
    } | changes  # fmt: skip


def test_fractions() -> None:
    """Accuracy, efficiency, purity and area are what loops over the pairs give; folds add up."""
    found = heads.compute(TRAINED, [counted(), counted()], {})
    (origin,), (pairs,) = found.origins, found.pairs
    assert origin.accuracy == pytest.approx(13 / 20)
    assert found.jets == 24
    assert origin.confusion[0] == (16, 4, 0)
    assert (pairs.same, pairs.different) == (2 * SAME.sum(), 2 * DIFFERENT.sum())
    assert pairs.efficiency == pytest.approx(SAME[5:].sum() / SAME.sum())
    assert pairs.purity == pytest.approx(SAME[5:].sum() / (SAME[5:].sum() + DIFFERENT[5:].sum()))
    won = sum(
        int(s) * int(d) * (1.0 if i > j else 0.5 if i == j else 0.0)
        for i, s in enumerate(SAME)
        for j, d in enumerate(DIFFERENT)
    )
    assert pairs.area == pytest.approx(won / SAME.sum() / DIFFERENT.sum())
    assert "65.0% right (fake 80% of 20, primary 50% of 20)" in found.caption()


def write_model(folder: Path, off: dict[str, str], content: dict[str, Any] | None) -> Path:
    folder.mkdir()
    if content is not None:
        io.write_json(folder / "heads.json", content)
    about = {"classifier": "gn2", "checksums": io.folder_checksums(folder), "heads_off": off}
    io.write_json(folder / "meta.json", about)
    return folder


def test_heads_that_are_off_are_said(tmp_path: Path) -> None:
    """Beside the others, or in place of the figure."""
    model = write_model(tmp_path / "half", {"vertices": "truthVertex"}, counted())
    half = heads.plot_heads(TRAINED, model, STYLE, tmp_path / "plots/half")
    assert half.caption().endswith("have no such truth: vertices, for want of truthVertex.")
    model = write_model(tmp_path / "none", {"vertices": "truthVertex", "origin": "truthOrigin"}, None)
    heads.plot_heads(TRAINED, model, STYLE, tmp_path / "plots/none")
    said = io.read_json(tmp_path / "plots/none.json")["page"]["caption"]
    assert said == (
        "Off, as files of the sample have no such truth: origin, for want of truthOrigin; "
        "vertices, for want of truthVertex."
    )
    for suffix in ("pdf", "png", "json"):
        assert (tmp_path / f"plots/half.{suffix}").is_file()


def test_nothing_known(tmp_path: Path) -> None:
    """Jets without any track whose truth is known: a figure, and no division by nothing."""
    content = counted()
    content["heads"]["origin"]["confusion"] = [[0] * 3] * 3
    content["heads"]["vertices"] |= {"same": [0] * 10, "different": [0] * 10}
    found = heads.plot_heads(TRAINED, write_model(tmp_path / "m", {}, content), STYLE, tmp_path / "plot")
    assert "0 constituents: – right" in found.caption()
    assert "area under the ROC curve –" in found.caption()


def test_models_of_earlier_versions_and_damaged_ones(tmp_path: Path) -> None:
    """No figure of numbers that are not those of the training."""
    model = write_model(tmp_path / "m", {}, counted())
    io.write_json(model / "heads.json", counted(jets=13))
    with pytest.raises(InputError, match=r"heads\.json"):
        heads.plot_heads(TRAINED, model, STYLE, tmp_path / "plot")
    io.write_json(model / "meta.json", {"classifier": "gn2"})
    with pytest.raises(InputError, match="no `heads_off`; train again"):
        heads.plot_heads(TRAINED, model, STYLE, tmp_path / "plot")
