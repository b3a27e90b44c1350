# Compares the names in the targets of the call with those of the run, and stages that are accepted, once all rules are there;
# says which files a call does not look at, when it is planned: the DAG knows what belongs to it, however it was written.
from functools import partial

from jetsmith.configuration import targets
from jetsmith.sealed.unlooked import unlooked

if workflow.is_main_process:
    outputs = [str(output) for rule in workflow.rules for output in rule.output]
    try:
        targets.check(sys.argv[1:], outputs, RUN)
        targets.check_rules(os.environ.get(ACCEPT, "").split(), [rule.name for rule in workflow.rules])
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    persistence.when_planned(partial(unlooked, workflow.pathvars.apply("<results>"), RUN))
