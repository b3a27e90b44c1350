"""One module a plot: `compute` gives the numbers, `draw` a figure of them alone, `plot_…` saves both."""
