"""Facts of a tagger on its page."""

from jetsmith.report.cards import cards


def test_jets_of_the_training_stand_in_the_order_of_the_classes() -> None:
    """Protects: files sort names, so that jets of no class stood among those of the classes."""
    classes = [{"name": "uds", "label": "uds"}, {"name": "lepb", "label": "lep. b"}]
    spec = {
        "title": "T", "backend": "keras", "model": "dense", "object": "ak4", "sample": "s", "folds": 0,
        "classes": classes, "inputs": [], "start_from": "",
    }  # fmt: skip
    settings = {"architecture": {}, "training": {}}
    about = {
        "classifier": "t", "device": {"kind": "cpu", "name": "", "engine": "none"}, "seed": 1,
        "heads_off": [],
        "rows": {"model": {"train": {"lepb": 3, "of_no_class": 2, "uds": 5}}},
        "effective": {"model": {"train": {"lepb": 1, "uds": 4}}},
    }  # fmt: skip
    page = {
        "sections": [], "hepdata": "", "stand_ins": [], "summary": [], "resilience": [], "working_points": [],
    }  # fmt: skip
    run = {"classifiers": {"t": spec}, "run": {"samples": {"s": {"datasets": ["a"]}}}}
    (card,) = cards(run, [(about, settings)], {}, page, [])
    assert card["trained_on"]["classes"] == ["uds", "lep. b", "of no class"]
    assert [row["counts"] for row in card["trained_on"]["rows"]] == [["5", "3", "2"], ["4", "1", ""]]
