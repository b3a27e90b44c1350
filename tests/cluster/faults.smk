# Jobs that go wrong in their first attempt, each in its own way, and are well in the second. What asks for resources
# gets them from the profile that the test writes.
RULES = [
    "asks", "memory", "walltime", "cancelled", "held", "node", "hopeless", "too_long",
]  # fmt: skip
SLEEP = "[ {resources.n} -gt 1 ] || sleep 600; echo done > {output}"


def first(value, later=""):
    """A resource of the first attempt."""
    return lambda wildcards, attempt: value if attempt == 1 else later


def attempt_number(wildcards, attempt):
    return attempt


rule all:
    input:
        [f"{name}.txt" for name in RULES],


rule asks:
    output:
        "asks.txt",
    threads: 3
    resources:
        mem_mb=500,
        n=attempt_number,
    shell:
        "[ {resources.n} -gt 1 ]; echo done > {output}"


rule memory:
    output:
        "memory.txt",
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
        runtime=5,
    shell:
        "python3 -c 'import time; x = bytearray(600_000_000); time.sleep(6)'; echo done > {output}"


rule walltime:
    output:
        "walltime.txt",
    resources:
        mem_mb=500,
        runtime=attempt_number,
        n=attempt_number,
    shell:
        SLEEP


rule cancelled:
    output:
        "cancelled.txt",
    resources:
        mem_mb=500,
        runtime=5,
        n=attempt_number,
    shell:
        SLEEP


rule held:
    output:
        "held.txt",
    resources:
        mem_mb=500,
        runtime=5,
        n=attempt_number,
        slurm_extra=first("--hold"),
    shell:
        SLEEP


rule node:
    output:
        "node.txt",
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=5,
        slurm_partition="fragile",
        slurm_extra="--no-requeue",
        n=attempt_number,
    shell:
        "[ {resources.n} -gt 1 ] || [ -e crashed ] || sleep 600; echo done > {output}"


rule hopeless:
    output:
        "hopeless.txt",
    log:
        "hopeless.log",
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "echo no way > {log}; exit 3"


rule too_long:
    output:
        "too_long.txt",
    resources:
        mem_mb=500,
        runtime=first(100, 10),
        slurm_partition=first("short", "main"),
    shell:
        "echo done > {output}"
