"""What a result says of its making is true: planned, compared as its job starts, and kept beside it."""
