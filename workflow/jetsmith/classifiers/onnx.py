"""Models of others: nothing is trained, rows are scored by a bundle (`jetsmith.bundle`) or a bare ONNX file.

A bundle says itself what it reads. A bare file says nothing of what its numbers are:
`tensors` puts them together from flat features, as they are packed, and numbers that are the same for all
rows; `outputs` says of which class each number is that comes out. With a preprocessing file of weaver's
(`preprocess`) it reads sequences: `variables` says which features are meant, `labels` what comes out.
"""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from jetsmith import plugs
from jetsmith.classifiers import _onnx_bundle
from jetsmith.configuration.records import hint
from jetsmith.errors import InputError
from jetsmith.specs.classifiers import ClassifierSpec, RecipeSpec
from jetsmith.specs.features import ColumnGroup
from jetsmith.strict import Name, Positive, Single

if TYPE_CHECKING:
    from jetsmith.classifiers import Device, Task
    from jetsmith.classifiers.stored import Stored
    from jetsmith.io import FloatArray
    from jetsmith.packed.rows import Rows

TRAINS, COMPUTES, SEQUENCES, MODELS = False, True, True, False
SIGNED, TAGS = False, True
BARE = ("tensors", "divided_by", "outputs")  # of a file without preprocessing
WEAVER = ("preprocess", "preprocess_sha256", "variables")


Entry = str | Single  # a feature, or a number that is the same for all
Line = tuple[Entry, ...] | Entry


class Options(plugs.Options):
    """Which model: `bundle`, or `file` with what it reads and gives; one of the two."""

    bundle: str = Field("", description="Folder of a bundle.")
    file: str = Field("", description="An ONNX file that others have published, its weights inside.")
    sha256: str = Field(
        "",
        description="Of the file, or of the SHA256SUMS of the bundle (`sha256sum` prints it), so that "
        "another one in its place is noticed.",
    )
    tensors: dict[str, tuple[Line, ...]] = Field(
        {},
        description="Each input of the file, by its name, as it goes in for one row: a list of flat features "
        "and numbers, shape (n, F), or a list of such lists of one length, (n, T, F).",
    )
    divided_by: dict[str, Positive] = Field({}, description="A feature is divided by that before it goes in.")
    outputs: tuple[Name, ...] = Field(
        (),
        description="Class of each number in the file's first output: probabilities. One class of two, where "
        "it gives that one's alone.",
    )
    preprocess: str = Field(
        "",
        description="The JSON file with weaver's preprocessing that was published with the file, in place of "
        "`tensors`, `divided_by` and `outputs`.",
    )
    preprocess_sha256: str = Field("", description="Of that file.")
    variables: dict[str, str] = Field(
        {},
        description="Variables of `preprocess` by name, each `<group>.<feature>`; or by the beginning of "
        "their names, `pfcand_*: <group>`: features are named by the rest. `mask`: 1 for each constituent.",
    )
    labels: dict[Name, tuple[str, ...]] = Field(
        {},
        description="By class the outputs that `preprocess` names, or classes of the bundle, added up. "
        "Others are left out, and the rest made to add up to 1.",
    )
    within: tuple[str, ...] = Field(
        (),
        description="The bundle is one for small jets, and reads jets within the large one: `subjet1_`, "
        "`subjet2_`, or `wide_`, the large jet itself; its features, with that in front, are `inputs`. "
        "Of two the one counts that is less like the first class; without both there is no tag.",
    )

    def misfits(self, spec: ClassifierSpec) -> Iterator[str]:
        """It is the model that is meant, and classes and inputs are those that it has."""
        beside = {"bundle": (*BARE, *WEAVER), "preprocess": BARE, "file": (*WEAVER[1:], "labels")}
        kind = "bundle" if self.bundle or not self.file else "preprocess" if self.preprocess else "file"
        given = sorted(self.model_fields_set & {*beside[kind]})
        if self.file and self.bundle:
            yield "file: there is a `bundle`, too; leave one of them out"
        elif self.within and kind != "bundle":
            yield "within: of a bundle, which says what it reads; give a `bundle`, or leave it out"
        elif given and kind == "bundle":
            yield f"{', '.join(given)}: a bundle says itself what it reads; leave it out, or give a `file`"
        elif given and kind == "preprocess":
            yield f"{', '.join(given)}: `preprocess` says what goes in, `labels` what comes out; leave it out"
        elif given:
            yield f"{', '.join(given)}: of a file with `preprocess`; give that, or leave it out"
        elif kind == "bundle":
            yield from _onnx_bundle.misfits(self, spec)
        else:
            yield from self._of_file(spec)

    def _of_file(self, spec: ClassifierSpec) -> Iterator[str]:
        path = Path(self.file)
        if not path.is_file():
            yield f"file: `{self.file}` is not there"
            return
        if (found := plugs.sha256(path)) != self.sha256:
            yield f"sha256: {self.file} is {found}; write that, where it is the one you mean"
            return
        has_onnxruntime = importlib.util.find_spec("onnxruntime") is not None  # else the job looks
        if self.preprocess:
            yield from self._of_preprocess(spec, has_onnxruntime)
            return
        problems = [*self._of_tensors(spec), *self._of_outputs(spec)]
        if not problems and has_onnxruntime:
            from jetsmith.classifiers import _onnx

            problems = list(_of_model(_onnx.misfits(self)))
        yield from problems

    def _of_preprocess(self, spec: ClassifierSpec, has_onnxruntime: bool) -> Iterator[str]:
        """It is the file that is meant, and fits the tagger and the ONNX file."""
        path = Path(self.preprocess)
        if not path.is_file():
            yield f"preprocess: `{self.preprocess}` is not there"
            return
        if (found := plugs.sha256(path)) != self.preprocess_sha256:
            yield f"preprocess_sha256: {path} is {found}; write that, where it is the one you mean"
            return
        from jetsmith.classifiers import _onnx_tagger

        problems = list(_onnx_tagger.misfits(self, spec))
        if not problems and has_onnxruntime:
            problems = list(_of_model(_onnx_tagger.misfits_of_file(self)))
        yield from problems

    def _of_tensors(self, spec: ClassifierSpec) -> Iterator[str]:
        """Made of features that there are, in lists of one length; each feature is for something."""
        flat = [name for inputs in spec.inputs if inputs.kind == "flat" for name in inputs.features]
        for group in (inputs.group for inputs in spec.inputs if inputs.kind != "flat"):
            yield f"tensors: `{group}` of `inputs` is a sequence; a file reads flat features, leave it out"
        used = set()
        for name, lines in self.tensors.items():
            lengths = {len(line) if isinstance(line, tuple) else 0 for line in lines}
            if not lines or len(lengths) > 1 or (lengths == {0} and any(isinstance(e, tuple) for e in lines)):
                yield f"tensors.{name}: is a list of features and numbers, or of such lists of one length"
                continue
            entries = [e for line in lines for e in (line if isinstance(line, tuple) else (line,))]
            features = [entry for entry in entries if isinstance(entry, str)]
            used |= set(features)
            for feature in dict.fromkeys(features):
                if feature not in flat:
                    yield f"tensors.{name}: no flat feature `{feature}` in `inputs`{hint(feature, flat)}"
        for feature in self.divided_by:
            if feature not in used:
                yield f"divided_by: `{feature}` is in none of `tensors`{hint(feature, used)}"
        judged = {*spec.ratio.valid, *spec.ratio.conserve_in} if spec.ratio else set()
        if idle := [name for name in flat if name not in used | judged]:
            yield f"tensors: nothing reads {', '.join(idle)}; leave them out of `inputs`"

    def _of_outputs(self, spec: ClassifierSpec) -> Iterator[str]:
        names, classes = set(self.outputs), set(spec.class_names)
        whole = names == classes or (len(names) == 1 and len(classes) == 2 and names < classes)
        if not whole or len(names) < len(self.outputs):
            yield (
                f"outputs: {', '.join(self.outputs) or 'none'}; needs each of "
                f"{', '.join(spec.class_names)} once, in the order of the file, or one of two"
            )

    def misfits_of_features(self, spec: ClassifierSpec, groups: Mapping[str, ColumnGroup]) -> Iterator[str]:
        """Features are computed as the bundle takes them."""
        if not self.file:
            yield from _onnx_bundle.misfits_of_features(self, spec, groups)


def _of_model(misfits: Iterator[str]) -> Iterator[str]:
    """What is wrong with a model's file, also where it is none that onnxruntime opens."""
    try:
        yield from misfits
    except InputError as error:
        yield f"file: {error}"


def device(spec: RecipeSpec, threads: int, gpus: int) -> "Device":
    """The CPU."""
    from jetsmith.classifiers import on_cpu

    return on_cpu(spec)


def fit(task: "Task") -> list[dict[str, float]]:
    """Nothing to do; the history is empty."""
    return []


def read(spec: RecipeSpec, rows: "Rows", threads: int = 1) -> "Stored":
    """Scores of all rows; a bare file has none of a row with a number that is not finite.

    Raises:
        InputError: The model is damaged or another than that of the configuration, inputs are in other units
            than a bundle takes, or a file gives no row a score.
    """
    import numpy as np

    from jetsmith.classifiers.stored import Stored

    options = Options.model_validate(spec.architecture)
    if options.file:
        pinned = [(Path(options.file), options.sha256)]
        pinned += [(Path(options.preprocess), options.preprocess_sha256)] if options.preprocess else []
    else:
        pinned = [(_onnx_bundle.checksums(options), options.sha256)]
    for place, digest in pinned:
        if (found := plugs.sha256(place)) != digest:
            raise InputError(f"{place}: is {found}, and not {digest} of {spec.name}'s file")
    not_tagged = no = np.zeros(len(rows), bool)
    if options.file:
        from jetsmith.classifiers import _onnx, _onnx_tagger

        out = (_onnx_tagger if options.preprocess else _onnx).probabilities(options, spec, rows, threads)
    else:
        out, not_tagged = _onnx_bundle.probabilities(options, spec, rows, threads)
    absent = np.asarray(np.isnan(out).any(axis=1)) & ~not_tagged
    if options.file and len(rows) and absent.all():
        raise InputError(
            f"{spec.name}: none of the {len(rows):,} rows has all inputs of {options.file}; are these the "
            "events that it is for?"
        )
    return Stored(out, None, not_tagged, absent, no, out)


def predict(spec: RecipeSpec, model: Path, rows: "Rows", threads: int) -> "FloatArray":
    """Class probabilities, shape (N, C), float32; NaN where there is no score."""
    return read(spec, rows, threads).probabilities
