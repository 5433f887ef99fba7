"""Packed recordings: shards and how audio gets into them, folds, and where stages put what they write."""
