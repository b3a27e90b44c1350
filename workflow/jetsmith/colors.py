"""Colours and dashes of taggers, the same in figures and on the page."""

# Told apart with every common colour blindness: M. Petroff, arXiv 2107.02270, ten colours.
TAGGER_COLORS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#94a4a2", "#a96b59", "#e76300",
    "#717581", "#b9ac70", "#92dadd",
)  # fmt: skip
