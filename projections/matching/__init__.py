"""Matching: which records look like the same company or person. Pure; knows no database.

A record becomes a ``Profile``; profiles that share a blocking key are compared, field by field,
and what agrees or differs adds up to a probability. docs/decisions/0013-duplicates.md says why.
"""
