"""`python -m tests.benchmarks [NAME …]`: run benchmarks, all by default.

Each writes results/benchmarks/NAME.json and prints it, with machine and versions, as one line at the end.
`--table` prints the table of docs/benchmarks.md from those files.
"""

import sys

from tests.benchmarks._command import main

sys.exit(main(sys.argv[1:]))
