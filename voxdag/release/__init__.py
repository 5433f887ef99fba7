"""A system as others take it: a folder, or a zip of it, with all that scoring needs and where it comes from."""
