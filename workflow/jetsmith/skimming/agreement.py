"""What the files of a dataset say of their events, and whether they agree with each other and with its keys.

Part of stage inspect. Nothing is assumed where a file is silent: the dataset says it, or the run stops.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from jetsmith import sources
from jetsmith.handed.plan import Content, Said, Untold, UntoldOf
from jetsmith.sources import leptons
from jetsmith.sources.content import First, Kind
from jetsmith.sources.truth import KNOWN, UNMATCHED
from jetsmith.specs.datasets import LAYOUTS, ReadingSpec

# Of a dataset none of whose files has an entry: account stops there.
NOTHING = Content(None, None, "refuse", None, not_applied={}, instead={}, absent_hlt={}, untold=())


def describe(layout: str, branches: set[str], spec: ReadingSpec, jet_id: int, first: First) -> Said:
    """What a file with entries says of its events.

    Args:
        layout: Its layout.
        branches: Its branches.
        spec: The dataset.
        jet_id: Bits that the selection asks for.
        first: Reads the first entry of a branch.
    """
    source = sources.load(layout)
    kind: Kind = source.kind(branches, first)
    prompt = leptons.among_jets(layout, spec)
    return Said(
        simulated=kind.simulated,
        because=kind.because,
        weight=sources.weight_branch(layout, branches, spec),
        unable=source.unable(branches, spec.object, jet_id),
        instead=source.instead(branches, spec.object, jet_id) | ({"leptons": prompt} if prompt else {}),
        absent_hlt={path: _close(path, branches) for path in spec.hlt if path not in branches},
        untold=tuple(source.untold(branches, spec.object)),
    )


def content(
    name: str,
    spec: ReadingSpec,
    jet_id: int,
    layout: str,
    used: Mapping[str, Said],
) -> tuple[Content, list[str]]:
    """What a dataset holds, and why it cannot be read as its keys say.

    Args:
        name: The dataset.
        spec: Its record.
        jet_id: Bits that the selection asks for.
        layout: Layout of its files.
        used: What each file that has entries says (`describe`); one at least.

    Returns:
        The first for plan, account and report; the second as a line a problem.
    """
    problems = _kinds(name, spec, used) or _weights(name, spec, used)
    not_applied, undone = _cuts(name, spec, jet_id, layout, used)
    absent, unknown = _triggers(name, spec, used)
    first = next(iter(used.values()))
    found = Content(
        simulated=not spec.is_data,
        certified=spec.golden_json,
        duplicates=spec.duplicates,
        weight=None if spec.is_data or spec.weights == "unit" else first.weight,
        not_applied=not_applied,
        instead={key: how for key, how in first.instead.items() if key not in not_applied},
        absent_hlt=absent,
        untold=() if spec.is_data else _untold(used, spec.object),
    )
    return found, [*problems, *undone, *unknown, *_instead(name, spec, used)]


def _kinds(name: str, spec: ReadingSpec, used: Mapping[str, Said]) -> list[str]:
    """All files are of data, or all are simulated, as `is_data` says."""
    because = {
        kind: {path: said.because for path, said in used.items() if said.simulated is kind}
        for kind in (True, False)
    }
    if because[True] and because[False]:
        simulated, data = _example(because[True]), _example(because[False])
        return [
            f"dataset {name}: simulation and data in one list: {simulated} is simulated, {data} is not; "
            "make a dataset of each, that of the data with `is_data: true`"
        ]
    if spec.is_data and because[True]:
        return [f"dataset {name}: is_data: true, but {_example(because[True])} is simulated; remove the key"]
    if not spec.is_data and because[False]:
        return [f"dataset {name}: {_example(because[False])} is of data; set `is_data: true`"]
    return []


def _weights(name: str, spec: ReadingSpec, used: Mapping[str, Said]) -> list[str]:
    """Simulated events have a weight, in the same branch of every file; or the dataset says that it is 1."""
    if spec.is_data:
        return []
    files = {said.weight: path for path, said in reversed([*used.items()])}
    if len(files) > 1:
        each = "; ".join(f"{weight or 'none'} in {path}" for weight, path in files.items())
        return [f"dataset {name}: generator weights in some files alone ({each}); make a dataset of each"]
    (weight,) = files
    example = next(iter(used))
    if weight is None and spec.weights == "generator":
        return [
            f"dataset {name}: no generator weight in any file, such as {example}: `weights: unit` makes "
            "every event count 1; data are declared with `is_data: true`"
        ]
    if weight is not None and spec.weights == "unit":
        return [
            f"dataset {name}: weights: unit, but its files hold {weight}, such as {example}; remove the key"
        ]
    return []


def _cuts(
    name: str, spec: ReadingSpec, jet_id: int, layout: str, used: Mapping[str, Said]
) -> tuple[dict[str, str], list[str]]:
    """Cuts that are not applied, each with the reason, and those that cannot be."""
    cut = LAYOUTS[layout].cut
    foreign = [key for key in spec.without if key != cut]
    if foreign:
        return {}, [f"dataset {name}: without: {', '.join(foreign)}: layout {layout} knows `{cut}` alone"]
    if not jet_id or spec.object == "event":
        return {}, []
    unable = {path: said.unable[cut] for path, said in used.items() if cut in said.unable}
    if cut in spec.without:
        why = next(iter(unable.values()), "left out as asked, though the files can tell")
        return {cut: why}, []
    if unable:
        return {}, [
            f"dataset {name}: the cut `{cut}` (selection.{spec.object}.jet_id: {jet_id}) cannot be applied "
            f"in {len(unable)} of {len(used)} files, such as {_example(unable)}; `without: [{cut}]` of the "
            "dataset leaves it out, `jet_id: 0` of the selection in all datasets"
        ]
    return {}, []


def _instead(name: str, spec: ReadingSpec, used: Mapping[str, Said]) -> list[str]:
    """What a column or a cut is made from is the same in every file."""
    problems = []
    keys = {key for said in used.values() for key in said.instead}
    for key in sorted(keys - set(spec.without)):
        files = {said.instead.get(key, "as in most files"): path for path, said in used.items()}
        if len(files) > 1:
            each = "; ".join(f"{how} in {path}" for how, path in files.items())
            problems.append(f"dataset {name}: {key} is not the same in all files ({each}); make datasets")
    return problems


def _triggers(
    name: str, spec: ReadingSpec, used: Mapping[str, Said]
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Files that lack a path which others have, by path, and paths that no file has."""
    absent = {
        path: tuple(file for file, said in used.items() if path in said.absent_hlt) for path in spec.hlt
    }
    problems = []
    for path in (path for path, files in absent.items() if len(files) == len(used)):
        example, said = next(iter(used.items()))
        problems.append(
            f"dataset {name}: no trigger branch `{path}` in any file, such as {example}; close to it: "
            f"{', '.join(said.absent_hlt[path]) or 'none at all'}"
        )
    return {path: files for path, files in absent.items() if files}, problems


def _close(path: str, branches: set[str]) -> tuple[str, ...]:
    """Triggers with a name like this, or any where none is like it."""
    known = sorted(name for name in branches if name.startswith("HLT_"))
    return tuple(difflib.get_close_matches(path, known, n=5) or known[:5])


def _untold(used: Mapping[str, Said], obj: str) -> tuple[UntoldOf, ...]:
    """What a file or more cannot tell, each with the number of such files and one of them."""
    files: dict[Untold, list[str]] = {}
    for path, said in used.items():
        for untold in dict.fromkeys(said.untold):
            files.setdefault(untold, []).append(path)
    return tuple(
        UntoldOf(**asdict(untold), n_files=len(paths), file=paths[0], text=_text(untold, obj))
        for untold, paths in files.items()
    )


def _example(files: Mapping[str, str]) -> str:
    """The first of some files, with the reason why it is among them."""
    path, reason = next(iter(files.items()))
    return f"{path} ({reason})"


def _text(untold: Untold, obj: str) -> str:
    """What cannot be told apart, in words."""
    if set(untold.ids) == set(KNOWN[obj]):
        return f"there is no truth, every jet is unmatched (no {untold.lacks})"
    ids = ", ".join(map(str, untold.ids))
    become = "unmatched jets (999)" if untold.become == UNMATCHED else untold.become
    return f"truth {ids} cannot be told from {become} (no {untold.lacks})"


def notes(name: str, found: Content) -> Sequence[str]:
    """Lines for the log of inspect: what is left out, absent or cannot be told."""
    lines = [f"cut {cut} is not applied: {reason}" for cut, reason in found.not_applied.items()]
    lines += [f"{key}: {how}" for key, how in found.instead.items()]
    lines += [
        f"trigger {path} is absent in {len(files)} files, so not fired there: {', '.join(files[:3])}"
        for path, files in found.absent_hlt.items()
    ]
    lines += [f"{untold.text} in {untold.n_files} files" for untold in found.untold]
    return [f"[inspect {name}] {line}\n" for line in lines]
