"""Two results folders side by side: what differs, and whether the numbers do."""
