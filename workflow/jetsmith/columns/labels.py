"""Labels of the jets of JetClass (arXiv:2202.03772) and JetClass-II (arXiv:2405.12972), and their truth ids.

JetClass has a branch a label, JetClass-II their number in one branch. q is a light quark (of JetClass-II u or
d), v a neutrino, tauh a hadronic tau, X and Y are resonances of any mass.
"""

import difflib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

JETCLASS = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
_TWO = "bb cc ss qq bc cs bq cq sq gg ee mm tauhtaue tauhtaum tauhtauh"
_MORE = """
bbbb bbcc bbss bbqq bbgg bbee bbmm bbtauhtaue bbtauhtaum bbtauhtauh bbb bbc bbs bbq bbg bbe bbm
cccc ccss ccqq ccgg ccee ccmm cctauhtaue cctauhtaum cctauhtauh ccb ccc ccs ccq ccg cce ccm
ssss ssqq ssgg ssee ssmm sstauhtaue sstauhtaum sstauhtauh ssb ssc sss ssq ssg sse ssm
qqqq qqgg qqee qqmm qqtauhtaue qqtauhtaum qqtauhtauh qqb qqc qqs qqq qqg qqe qqm
gggg ggee ggmm ggtauhtaue ggtauhtaum ggtauhtauh ggb ggc ggs ggq ggg gge ggm
bee cee see qee gee bmm cmm smm qmm gmm
btauhtaue ctauhtaue stauhtaue qtauhtaue gtauhtaue btauhtaum ctauhtaum stauhtaum qtauhtaum gtauhtaum
btauhtauh ctauhtauh stauhtauh qtauhtauh gtauhtauh
qqqb qqqc qqqs bbcq ccbs ccbq ccsq sscq qqbc qqbs qqcs bcsq bcs bcq bsq csq
bcev csev bqev cqev sqev qqev bcmv csmv bqmv cqmv sqmv qqmv
bctauev cstauev bqtauev cqtauev sqtauev qqtauev bctaumv cstaumv bqtaumv cqtaumv sqtaumv qqtaumv
bctauhv cstauhv bqtauhv cqtauhv sqtauhv qqtauhv
"""
_QCD = """
bbccss bbccs bbcc bbcss bbcs bbc bbss bbs bb
bccss bccs bcc bcss bcs bc bss bs b ccss ccs cc css cs c ss s light
"""
JETCLASS_II = (
    *(f"X_{decay}" for decay in _TWO.split()),
    *(f"X_YY_{decay}" for decay in _MORE.split()),
    *(f"QCD_{quarks}" for quarks in _QCD.split()),
)
"""In the order of `jet_label`, from 0 to 187."""

FIRST, FIRST_II = 10_000, 20_000
LABELS = {f"label_{name}": FIRST + place for place, name in enumerate(JETCLASS)} | {
    f"label_{name}": FIRST_II + place for place, name in enumerate(JETCLASS_II)
}
"""Truth ids (column `flavour`) by label."""


def truth_ids(entries: Any) -> Any:
    """Truth ids in which labels, or patterns of them such as `label_QCD_*`, are written out.

    Args:
        entries: What stands under `truth` of a class; what is no list stays, for whoever checks it.

    Raises:
        ValueError: No label is called so; with those that are close.
    """
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        return entries
    return [found for entry in entries for found in _ids(entry)]


def _ids(entry: Any) -> Iterator[Any]:
    if not isinstance(entry, str):
        yield entry
        return
    found = [truth_id for label, truth_id in LABELS.items() if fnmatchcase(label, entry)]
    if not found:
        near = difflib.get_close_matches(entry, LABELS, n=5) or [*LABELS][:5]
        raise ValueError(f"no label of JetClass or JetClass-II is `{entry}`; close to it: {', '.join(near)}")
    yield from found
