# plot: reads scores, calibration numbers, closures or models; writes plots/{plot}/….{pdf,png,json}, of some also .hist.json. A rule for each of PLOTS.

for plot, about in PLOTS.items():

    rule:
        name:
            f"plot_{plot}"
        input:
            unpack(PLOT_INPUTS[about.of]),
        output:
            **drawn(plot, PLOT_SUBJECTS[about.of]),
        log:
            f"<logs>/plot_{plot}/{'.'.join(Path(PLOT_SUBJECTS[about.of]).parts)}.log",
        group:
            lambda wildcards: together("plots", wildcards[0])
        conda:
            "../envs/jetsmith.yaml"
        resources:
            mem_mb=grows_with_input(2000, 2),
            runtime=grows(20),
            one_at_a_time=1,
        params:
            plot=plot,
            given=lambda wildcards, plot=plot: given(stages.plot, plot, *wildcards),
            code=code("plot", f"plots.{plot}"),
        script:
            "../scripts/plot.py"
