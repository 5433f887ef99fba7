"""What is wrong with an input, not a bug: commands print a refusal as one line, a bug with its traceback."""


class Refused(ValueError):
    """An input that cannot be used; the message says what was wrong, with the value, where, and what was expected."""


class NotHere(Refused, FileNotFoundError):
    """A file or folder that should be there and is not; the message says where it comes from."""
