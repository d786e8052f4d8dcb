"""The one error that ends a command with a message instead of a traceback."""

SETUP_HINT = "run deploy/local/setup, which installs it or says how"


class Failure(Exception):
    """Something that the user is told in one sentence; exit code 1."""
