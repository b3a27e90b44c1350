"""Jobs on batch systems: submitted, written down, taken over by the next driver."""
