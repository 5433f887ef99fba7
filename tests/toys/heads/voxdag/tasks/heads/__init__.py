"""Two heads: the class of a tone and its level, either of which may be unknown."""
