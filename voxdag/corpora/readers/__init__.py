"""One reader a corpus: what was published of it, and how its files and protocols are understood."""
