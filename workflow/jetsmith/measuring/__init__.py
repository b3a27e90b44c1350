"""Stage measure: efficiencies of a tagger in data by fits, and their ratio to simulation, the scale factors.

Templates come from simulation: jets by class, bin of pt, passing or failing, bin of a variable. In each bin
of pt passing and failing jets of data are fitted together, with the number of jets of the class and the
scale factor of its efficiency free.
"""
