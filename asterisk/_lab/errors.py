"""What the user can do something about, as one line."""


class LabError(Exception):
    """Ends the command with its text as the one line on stderr and exit status 1."""
