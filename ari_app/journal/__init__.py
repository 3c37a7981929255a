"""The append-only record of steps."""

from ari_app.journal.codec import decode, encode
from ari_app.journal.sql import CallEntry, SqlJournal

__all__ = ["CallEntry", "SqlJournal", "decode", "encode"]
