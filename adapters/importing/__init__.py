"""Driving adapter: files of records become commands, one row after the other.

Promises: every row ends as created, updated, skipped or refused with its line and a reason;
importing the same file twice changes nothing; an import that was killed goes on where it stopped
when it is started again.
"""
