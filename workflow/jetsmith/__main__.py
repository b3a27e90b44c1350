"""`python -m jetsmith`: what Snakemake has no option for."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from jetsmith.errors import ConfigError, InputError, OutputError
from jetsmith.sealed.made import ACCEPT
from jetsmith.sealed.verify import TOLERANCE, verify


def main(arguments: list[str]) -> int:
    """Read the command and do it; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jetsmith", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    accepted = commands.add_parser(
        "accept",
        help="let results of named stages stand although their parameters or code are others now",
        description="Look with `snakemake -n` before: it says what would run again, and why. What is "
        "accepted is written down beside the results and shown in the report.",
    )
    accepted.add_argument("rules", nargs="+", help="stages, such as train")
    verified = commands.add_parser("verify", help="run a random sample of finished jobs again and compare")
    verified.add_argument("--results", type=Path, default=Path("results"), help="the results folder")
    verified.add_argument(
        "--fraction", type=float, default=0.05, help="share of the jobs, one a rule at least"
    )
    verified.add_argument("--seed", type=int, default=1, help="of the choice")
    verified.add_argument(
        "--other-machine",
        action="store_true",
        help=f"numbers that networks made may differ by {TOLERANCE:g}",
    )
    compared = commands.add_parser(
        "compare",
        help="two results folders side by side: a page, its numbers and overlaid curves",
        description="Nothing is written into A or B. Exit status: 0; 1 where a folder cannot be compared; "
        "with --fail-if-worse-than 3 where B is worse, 4 where the jets are too few to tell.",
    )
    compared.add_argument("before", metavar="A", type=Path, help="results folder of a finished run")
    compared.add_argument("after", metavar="B", type=Path, help="another one")
    compared.add_argument(
        "-o", "--output", type=Path, default=Path("comparison"), help="folder of the page (comparison)"
    )
    compared.add_argument(
        "--fail-if-worse-than",
        type=_fraction,
        metavar="F",
        help="background rejection that B may lose at the efficiency of A, as a fraction, such as 0.02",
    )
    for command in (accepted, verified):
        command.add_argument(
            "--snakemake", nargs=argparse.REMAINDER, default=[], help="options for Snakemake"
        )
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "accept":
            return accept(asked.rules, asked.snakemake)
        if asked.command == "compare":
            return compare(asked.before, asked.after, asked.output, asked.fail_if_worse_than)
        tolerance = TOLERANCE if asked.other_machine else 0.0
        options = asked.snakemake or ["--cores", "all"]
        return int(verify(asked.results, asked.fraction, asked.seed, options, tolerance) > 0)
    except (ConfigError, InputError, OutputError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def accept(rules: list[str], options: list[str]) -> int:
    """Plan, and write down that the results of some rules stand; what is left to do is printed."""
    environment = os.environ | {ACCEPT: " ".join(rules)}
    return subprocess.run([sys.executable, "-m", "snakemake", "-n", *options], env=environment).returncode


def compare(before: Path, after: Path, output: Path, tolerance: float | None) -> int:
    """Compare two results folders, and say what was found; the exit status is the gate's."""
    from jetsmith.comparing import gate, page  # they draw, which the other commands need not wait for
    from jetsmith.comparing.compare import compare as compare_runs

    found = compare_runs(before, after, output, tolerance)
    print(page.summary(found))
    print(f"page: {output / 'index.html'}")
    return gate.EXIT[found.gate.status] if found.gate else 0


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("is a fraction from 0 to 1, such as 0.02")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
