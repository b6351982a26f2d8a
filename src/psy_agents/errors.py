"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: one sentence saying what is wrong, where, and what to do.

    The message never contains post text, only file names, column names, counts and hashed ids.
    The command line shows it as a single line, without a traceback.
    """
