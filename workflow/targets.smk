# Compares the names in the targets of the call with those of the run, once all rules are there.
from jetsmith.configuration import targets

if workflow.is_main_process:
    outputs = [str(output) for rule in workflow.rules for output in rule.output]
    try:
        targets.check(sys.argv[1:], outputs, RUN)
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
