"""What the executor for HTCondor says where there is no HTCondor."""

import importlib
import importlib.util
from types import SimpleNamespace

import pytest
from snakemake_interface_common.exceptions import WorkflowError

from tests.requirements import require


def test_a_machine_without_a_schedd_is_told_in_a_line(monkeypatch):
    """Protects: on a node that submits no jobs a run ended in a traceback of the bindings."""
    found = importlib.util.find_spec("htcondor2")
    require(None if found else "no htcondor2: EXTRAS=htcondor")
    monkeypatch.setenv("CONDOR_CONFIG", "/dev/null")  # else the bindings warn that there is none
    ours = importlib.import_module("snakemake_executor_plugin_jetsmith_htcondor.executor")

    def no_schedd():
        raise ours.htcondor2.HTCondorException("Unable to locate local daemon.")

    monkeypatch.setattr(ours.htcondor2, "Schedd", no_schedd)
    with pytest.raises(WorkflowError, match=r"no schedd of HTCondor answers on .* on a submit node"):
        ours.CondorQueue(SimpleNamespace()).living()
