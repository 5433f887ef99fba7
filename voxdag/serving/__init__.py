"""The web page of `voxdag.serve`: which systems it offers, what it shows of a file, and its server."""
