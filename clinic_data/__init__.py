"""The clinic's records: people, recordings, jobs, assessments, reports, users and the audit trail.

This package knows no screen and no network. Every function takes a keyword-only ``session``, flushes what it
changed and leaves the commit to its caller, who opens the session with ``Database.transaction()``.
"""
