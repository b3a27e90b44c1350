# Compares the names in the targets of the call with those of the run, and stages that are accepted, once all rules are there;
# says which files a call does not look at, when it is planned: the DAG knows what belongs to it, however it was written.
from jetsmith.configuration import targets
from jetsmith.sealed.unlooked import unlooked

if workflow.is_main_process:
    outputs = [str(output) for rule in workflow.rules for output in rule.output]
    try:
        targets.check(sys.argv[1:], outputs, RUN)
        targets.check_rules(os.environ.get(ACCEPT, "").split(), [rule.name for rule in workflow.rules])
    except ConfigError as error:
        raise WorkflowError(str(error)) from None
    results = workflow.pathvars.apply("<results>")

    def tell_unlooked(planned_now):
        sys.stderr.writelines(f"{line}\n" for line in unlooked(results, RUN, planned_now))

    persistence.when_planned(tell_unlooked)
