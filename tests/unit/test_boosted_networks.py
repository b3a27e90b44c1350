"""Protects the networks of boosted jets: layers against what they stand for, sizes that were published.

Masks and padding of all networks are in test_models.py, bundles in test_bundled_networks.py.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jetsmith import bundle_inputs, bundling
from jetsmith.bundles import _jets
from jetsmith.bundles._files import write_checksums
from jetsmith.classifiers import _keras as backend
from jetsmith.errors import InputError
from jetsmith.specs.features import Inputs, RawSpec
from tests.unit import bundled, packed_jets, test_bundled_networks
from tests.unit.packed_jets import make_spec, write_sample
from tests.unit.test_models import jets, network

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(5)
COUNT = np.array([5, 0, 1, 7, 2, 7])
MASK = np.arange(7) < COUNT[:, None]


def sequence(group: str, names: tuple[str, ...]) -> Inputs:
    return Inputs(group=group, kind="sequence", length=100, features=names, sources=("x",))


def parameters(model: str, inputs: tuple[Inputs, ...], n_classes: int, **architecture: Any) -> int:
    """Trainable numbers of a network."""
    spec = make_spec("keras", model=model, inputs=inputs, architecture=architecture)
    classes = tuple(spec.classes[0].model_copy(update={"name": f"c{i}"}) for i in range(n_classes))
    network = backend.build_model(spec.model_copy(update={"classes": classes}), {})
    return sum(int(np.prod(w.shape)) for w in network.trainable_variables)


SEVEN = sequence("candidates", ("etarel", "phirel", "log_pt", "log_e", "log_ptrel", "log_erel", "deltaR"))
SEVENTEEN = sequence("candidates", ("pt_log_nopuppi", "etarel", "phirel", *(f"x{i}" for i in range(14))))


@pytest.mark.parametrize(
    ("model", "inputs", "n_classes", "architecture", "published"),
    [
        ("pcnn", SEVEN, 2, {}, 348e3),  # arXiv 1902.08570, table 3
        ("particlenet", SEVEN, 2, {"fusion": False}, 366e3),
        ("particlenet", SEVENTEEN, 10, {"fusion": False}, 370e3),  # arXiv 2202.03772, table 2
        (
            "particlenet", SEVEN, 2,
            {"fusion": False, "neighbours": 7, "convolutions": [[32] * 3, [64] * 3], "dense": [128]}, 26e3,
        ),
        ("particle_transformer", SEVENTEEN, 10, {}, 2.14e6),
    ],
)  # fmt: skip
def test_published_numbers_of_parameters(
    model: str, inputs: Inputs, n_classes: int, architecture: dict[str, Any], published: float
) -> None:
    """To the digits that stand in the papers, with the same inputs and classes."""
    found = parameters(model, (inputs,), n_classes, **architecture)
    digit = 1e4 if published > 1e6 else 1e3
    assert abs(found - published) <= 0.5 * digit


@pytest.mark.parametrize("name", ["particlenet", "particle_transformer"])
def test_order_of_constituents_changes_nothing(name: str) -> None:
    """Of sets; and of P-CNN it does, since its convolutions read them in their order."""
    batch = jets()
    changed = dict(batch)
    for group in ("charged", "vertices"):
        order = np.argsort(
            np.where(batch[f"{group}_mask"], RNG.random(batch[f"{group}_mask"].shape), 2), axis=1
        )
        changed[group] = np.take_along_axis(batch[group], order[..., None], axis=1)
    assert np.abs(changed["charged"] - batch["charged"]).max() > 1
    model = network(name)
    np.testing.assert_allclose(np.asarray(model(changed)), np.asarray(model(batch)), atol=2e-6)
    ordered = network("pcnn")
    assert np.abs(np.asarray(ordered(changed)) - np.asarray(ordered(batch))).max() > 1e-3


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_see_zeros_beyond_the_ends(stride: int) -> None:
    """As a convolution of arrays padded by hand, the last slots of jets of any count included."""
    from jetsmith.models._convolutions import Neighbours, Strided
    from jetsmith.models._layers import Lines, Slots

    x = RNG.standard_normal((len(COUNT), 7, 3)).astype(np.float32)
    kernel = RNG.standard_normal((9, 4)).astype(np.float32)
    behind = np.asarray(Strided()(MASK)) if stride == 2 else MASK
    lines = np.asarray(Neighbours(stride)([Lines()([x, MASK]), MASK])) @ kernel
    found = np.asarray(Slots()([lines, behind]))
    padded = np.pad(np.where(MASK[..., None], x, 0), [(0, 0), (1, 1), (0, 0)])
    for jet, count in enumerate(COUNT):
        for slot in range(behind.shape[1]):
            expected = padded[jet, stride * slot : stride * slot + 3].ravel() @ kernel
            real = stride * slot < count
            np.testing.assert_allclose(found[jet, slot], expected if real else 0, atol=1e-5)


def test_padded_constituents_are_nobody_s_neighbours() -> None:
    """Nor is a constituent its own; by loops over jets, with coordinates and with features."""
    from jetsmith.models._edges import Nearest

    first = np.cumsum(COUNT) - COUNT
    for width in (2, 5):
        points = RNG.standard_normal((len(COUNT), 7, width)).astype(np.float32)
        points[~MASK] = points[MASK].mean(axis=0)  # nearer than others
        found = np.asarray(Nearest(3)([points, MASK]))
        assert found.shape == (COUNT.sum(), 3)
        for jet, count in enumerate(COUNT):
            for i in range(count):
                away = ((points[jet, :count] - points[jet, i]) ** 2).sum(axis=1)
                away[i] = np.inf
                nearest = np.argsort(away)[: min(3, count - 1)]
                assert found[first[jet] + i].tolist() == [
                    *(first[jet] + nearest), *[-1] * (3 - len(nearest))
                ]  # fmt: skip


def test_edges_that_there_are_make_mean_and_statistics() -> None:
    """Of a jet of two a constituent has one edge, of one none."""
    from jetsmith.models._edges import EdgeNorm, MeanOfEdges

    numbers = np.array([[1, -1], [0, -1], [-1, -1]], np.int32)
    edges = np.array([1.0, 50, 3, 70, 90, 80], np.float32)[:, None]
    assert np.asarray(MeanOfEdges()([edges, numbers])).ravel().tolist() == [1, 3, 0]
    norm = EdgeNorm(0.9)
    found = np.asarray(norm([edges, numbers], training=True)).ravel()
    np.testing.assert_allclose(found[[0, 2]], [-1, 1], rtol=1e-3)
    np.testing.assert_allclose(np.asarray(norm.mean), 0.1 * 2, rtol=1e-6)


def test_pairs_by_four_vectors() -> None:
    """kT, z, Delta and m² of massless four-vectors, across phi = pi, too; of close pairs to all digits."""
    from jetsmith.models._pairs import pair_features

    n = 200
    log_pt, eta, phi = (
        RNG.normal(2, 1, (2, n)),
        RNG.normal(0, 0.5, (2, n)),
        RNG.uniform(-np.pi, np.pi, (2, n)),
    )
    eta[1, :50], phi[1, :50] = eta[0, :50] + 1e-2, phi[0, :50] - 1e-2
    eta, phi = eta.astype(np.float32), phi.astype(np.float32)
    pt = np.exp(log_pt.astype(np.float32).astype(np.float64))
    wide_eta, wide_phi = eta.astype(np.float64), phi.astype(np.float64)
    total = np.sum(pt * [np.cos(wide_phi), np.sin(wide_phi), np.sinh(wide_eta), np.cosh(wide_eta)], axis=1)
    delta = np.hypot(wide_eta[0] - wide_eta[1], np.angle(np.exp(1j * (wide_phi[0] - wide_phi[1]))))
    softer = pt.min(axis=0)
    mass2 = total[3] ** 2 - np.sum(total[:3] ** 2, axis=0)
    expected = np.log(np.stack([softer * delta, softer / pt.sum(axis=0), delta, mass2], axis=1))
    first, second = (np.stack([log_pt[i], eta[i], phi[i]], axis=1).astype(np.float32) for i in range(2))
    found = np.asarray(pair_features(first, second))
    np.testing.assert_allclose(found, expected, atol=2e-4)
    np.testing.assert_allclose(np.asarray(pair_features(second, first)), found, atol=1e-6)
    itself = np.asarray(pair_features(first, first))
    np.testing.assert_allclose(itself[:, [0, 2, 3]], np.log(1e-8), rtol=1e-6)


def test_bundle_of_attention_by_pairs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By the stage's rule, which knows what the last bits of inputs do: of few features a normalisation may
    leave little but these. Here of three each; the other networks are in test_bundled_networks.py."""
    for name, feature, source in (("charged", "unused", "cpf_x"), ("vertices", "tracks", "sv_n_tracks")):
        group = packed_jets.GROUPS[name]
        more = group.model_copy(update={"features": (*group.features, feature)})
        monkeypatch.setitem(packed_jets.GROUPS, name, more)
        monkeypatch.setitem(bundled.FEATURES[name], feature, RawSpec(source=source))
    sample = write_sample(tmp_path / "packed", 200)
    spec = test_bundled_networks.saved(tmp_path / "model", "particle_transformer")
    found = bundled.write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    jets = _jets.made_up(bundled.raw_jets(found.groups, 100), found.groups, 200, 9)
    expected = bundling.predicted(spec, tmp_path / "model", jets, found.groups, 1)
    assert expected.std(axis=0).min() > 1e-3
    bundling.compare(tmp_path / "bundle", spec, bundled.discriminants(spec), jets, expected)
    with pytest.raises(InputError, match="no bundle is written"):
        bundling.compare(
            tmp_path / "bundle", spec, bundled.discriminants(spec), jets, expected + np.float32(2e-5)
        )
    feeds = bundle_inputs.padded(jets, np.arange(200))
    (outputs,) = found.session.run(["probabilities"], feeds)
    for group in found.groups[1:]:
        feeds[group.group] = np.pad(feeds[group.group], [(0, 0), (0, 3), (0, 0)])
        behind = np.arange(feeds[group.group].shape[1]) >= feeds[f"{group.group}_count"][:, None]
        feeds[group.group][behind] = 1e4
    (again,) = found.session.run(["probabilities"], feeds)
    np.testing.assert_allclose(again, outputs, atol=2e-6)


def test_a_jet_of_two_answers_may_have_either(tmp_path: Path) -> None:
    """Rounding decides between neighbours that are equally near; any other answer is refused.

    Inputs are floats of few digits, so that the distances of a constituent to two others are the same number.
    """
    sample = write_sample(tmp_path / "packed", 100)
    spec = test_bundled_networks.saved(tmp_path / "model", "particlenet")
    found = bundled.write_bundle(spec, tmp_path / "model", sample, tmp_path / "bundle")
    jets = dict(_jets.made_up(bundled.raw_jets(found.groups, 100), found.groups, 400, 9))
    coarse = jets["charged"]
    jets["charged"] = bundle_inputs.Values(np.round(coarse.values), coarse.offsets)
    right = found.score(jets)[0]
    other = found.score(bundle_inputs.beside(jets, np.random.default_rng(99)))[0]
    jumps = np.abs(other - right).max(axis=1) > 1e-4
    assert jumps.sum() > 20

    def compared(expected: Array) -> bundling.Agreement:
        folder = tmp_path / "bundle"
        return bundling.compare(folder, spec, bundled.discriminants(spec), jets, expected)

    either = compared(np.where(jumps[:, None], other, right))
    assert either.n_turned == jumps.sum()
    assert either.worst <= 1e-5
    one = int(np.flatnonzero(jumps)[0])
    half = right.copy()
    half[one] = (right[one] + other[one]) / 2
    with pytest.raises(InputError, match="of 400 jets 1 get"):
        compared(half)
    about = json.loads((tmp_path / "bundle" / "inputs.json").read_text())
    assert about["nearest"]
    (tmp_path / "bundle" / "inputs.json").write_text(json.dumps(about | {"nearest": False}))
    write_checksums(tmp_path / "bundle")
    with pytest.raises(InputError, match=f"of 400 jets {jumps.sum()} get"):
        compared(np.where(jumps[:, None], other, right))


def test_what_is_missing_stays_so() -> None:
    """Beside a float is another one; 0 and what stands for a missing value are left."""
    values = np.array([[0, np.nan, np.inf, -np.inf, 1, -3e38]], np.float32)
    (moved,) = bundle_inputs.beside({"x": bundle_inputs.Values(values)}, RNG).values()
    np.testing.assert_array_equal(moved.values[:, :4], values[:, :4])
    assert (moved.values[:, 4:] != values[:, 4:]).all()
    np.testing.assert_allclose(moved.values[:, 4:], values[:, 4:], rtol=2e-7)


def test_some_jets() -> None:
    """By a mask or by places; lists keep to their jets."""
    lists = bundle_inputs.Values(np.arange(6, dtype=np.float32)[:, None], np.array([0, 2, 2, 5, 6]))
    given = {"jets": bundle_inputs.Values(np.arange(4, dtype=np.float32)[:, None]), "tracks": lists}
    for which in (np.array([True, True, False, True]), np.array([0, 1, 3])):
        found = bundle_inputs.some(given, which)
        assert found["jets"].values.ravel().tolist() == [0, 1, 3]
        assert found["tracks"].values.ravel().tolist() == [0, 1, 5]
        assert found["tracks"].offsets.tolist() == [0, 2, 2, 3]
