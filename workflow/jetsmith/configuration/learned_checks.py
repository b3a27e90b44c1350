"""Checks of learned efficiencies, run before any job."""

from collections.abc import Iterator, Mapping

from jetsmith.configuration.classifier_checks import twice
from jetsmith.configuration.records import hint, require
from jetsmith.errors import refuse
from jetsmith.specs.classifiers import ClassifierSpec
from jetsmith.specs.features import FeatureGroup, FeatureSpec
from jetsmith.specs.learned import LearnedSpec
from jetsmith.specs.run import RunSpec

WIDEST = 1024
KEYS = ("features", "closes_in")


def check_learned(
    run: RunSpec,
    groups: Mapping[str, FeatureGroup],
    judgements: Mapping[str, ClassifierSpec],
    source: str,
) -> None:
    """Names are known, each jet has what is read of it, and what it closes in is nothing that it is given."""
    for name, spec in run.learned_efficiencies.items():
        at = f"learned_efficiencies.{name}"
        require(spec.judgement, judgements, f"{source}: {at}.judgement", "judgement")
        tagger = judgements[spec.judgement]
        for key in KEYS:
            for group in getattr(spec, key):
                require(group, groups, f"{source}: {at}.{key}", "feature group")
        refuse(source, (f"{at}{problem}" for problem in _tagger(tagger)))
        refuse(source, (f"{at}{problem}" for problem in _features(spec, groups, tagger)))
        refuse(source, (f"{at}{problem}" for problem in _both(spec, groups)))
        if any(not 1 <= width <= WIDEST for width in spec.hidden):
            refuse(source, [f"{at}.hidden: layers have from 1 to {WIDEST:,} units"])


def _tagger(tagger: ClassifierSpec) -> Iterator[str]:
    if tagger.folds:
        yield (
            f".judgement: sample `{tagger.sample}` of `{tagger.judgement}` has folds, so that no split is "
            "left out of its trainings; name a tagger of a sample without"
        )


def _features(spec: LearnedSpec, groups: Mapping[str, FeatureGroup], tagger: ClassifierSpec) -> Iterator[str]:
    """Each has one number a jet of the tagger's."""
    for key in KEYS:
        for name, features in getattr(spec, key).items():
            group, at = groups[name], f".{key}.{name}"
            if group.kind != "flat" or group.object != tagger.object:
                yield f"{at}: has no value a jet of `{tagger.object}`; name a group of flat features that has"
                continue
            if not features:
                yield f"{at}: is empty; name features of it, or leave the group out"
            if twice(features):
                yield f"{at}: given twice: {', '.join(twice(features))}"
            for feature in features:
                if feature not in group.features:
                    yield f"{at}: unknown feature `{feature}`{hint(feature, group.features)}"
                elif group.features[feature].default is None:
                    yield f"{at}: `{feature}` has no default, so that jets may lack it; name another one"


def _both(spec: LearnedSpec, groups: Mapping[str, FeatureGroup]) -> Iterator[str]:
    """What stands in `closes_in` is not given, by this name or by another one of the same column."""
    given = {_column(groups[g].features[f]): f"{g}.{f}" for g, fs in spec.features.items() for f in fs}
    for group, features in spec.closes_in.items():
        for feature in features:
            other = given.get(_column(groups[group].features[feature]))
            if other is None:
                continue
            same = "it" if other == f"{group}.{feature}" else f"`{other}`, which is the same column,"
            yield (
                f".closes_in.{group}: `{feature}`: the network is given {same} by `features`, where closure "
                "is tested anyway; name what it is not given"
            )


def _column(feature: FeatureSpec) -> tuple[str, int | None]:
    return feature.source, feature.slot
