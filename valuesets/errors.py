"""The one error of this package."""


class ValueSetError(Exception):
    """A terminology file is missing, damaged or malformed; the text names the file, the reason and the next step."""
