"""trouble - what ends a benchmark, and is no figure."""


class Broken(Exception):
    """Something went wrong that no noise explains: the benchmark ends here."""
