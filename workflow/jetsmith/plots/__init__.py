"""One module a plot: `compute` gives the numbers, `draw` a figure of nothing but them, `plot_…` saves both."""
