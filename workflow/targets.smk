# Compares the names in the targets of the call with those of the run, and stages that are accepted, once all rules are there.
from jetsmith.configuration import targets

if workflow.is_main_process:
    outputs = [str(output) for rule in workflow.rules for output in rule.output]
    try:
        targets.check(sys.argv[1:], outputs, RUN)
        targets.check_rules(os.environ.get(ACCEPT, "").split(), [rule.name for rule in workflow.rules])
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
