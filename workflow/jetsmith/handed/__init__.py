"""What the files of one stage tell another, as records: a stage writes them, those right of it read them."""
