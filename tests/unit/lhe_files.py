"""Small LHE files, written as generators write them."""

import gzip
from collections.abc import Sequence
from pathlib import Path

INIT = " 2212 2212 3.5e+03 3.5e+03 -1 -1 10800 10800 {strategy} 1\n 1.0e+02 1.0e+00 1.0e+02 1\n"
BEAMS = [(21, -1, 0.0, 0.0, 50.0, 50.0, 0.0), (2, -1, 0.0, 0.0, -80.0, 80.0, 0.0)]
PAIR = [(-11, 1, 10.0, 20.0, 30.0, 40.0, 0.0), (11, 1, 5.0, -30.0, 20.0, 40.0, 0.0)]
GLUON = (21, 1, -15.0, 10.0, -80.0, 82.0, 0.0)

Particle = tuple[int, int, float, float, float, float, float]


def event(particles: Sequence[Particle] = (*BEAMS, *PAIR, GLUON), weight: float = 1.0, more: str = "") -> str:
    """A block `<event>`; particles are PDG id, status, px, py, pz, E and m."""
    lines = [f" {len(particles)} 1 {weight!r} 9.1e+01 7.5e-03 1.2e-01"]
    lines += [
        f" {code} {status} 0 0 0 0 {' '.join(map(repr, momentum))} 0. 9."
        for code, status, *momentum in particles
    ]
    return "<event>\n" + "\n".join(lines) + f"\n{more}</event>\n"


def rwgt(**weights: float) -> str:
    """The weights of variations by their ids, which begin with an underscore here."""
    inside = "".join(f"<wgt id='{name[1:]}'> {value!r} </wgt>\n" for name, value in weights.items())
    return f"<rwgt>\n{inside}</rwgt>\n"


def initrwgt(*ids: str) -> str:
    """What the weights of an event are."""
    inside = "".join(f"<weight id='{name}'> muR={name} </weight>\n" for name in ids)
    return f"<initrwgt>\n<weightgroup name='scale' combine='envelope'>\n{inside}</weightgroup>\n</initrwgt>\n"


def document(events: Sequence[str], strategy: int = -4, header: str = "", tail: str = "") -> str:
    """The text of a file."""
    init = f"<init>\n{INIT.format(strategy=strategy)}</init>\n"
    head = f'<LesHouchesEvents version="3.0">\n<header>\n{header}</header>\n'
    return head + init + "".join(events) + tail + "</LesHouchesEvents>\n"


def write(path: Path, text: str) -> str:
    """The file, packed where its name ends with `.gz`."""
    content = text.encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return str(path)
