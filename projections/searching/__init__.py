"""Searching: what a row is found by, and what somebody who searches asks for. Pure.

A row declares ``searched``, the fields by which it is found. Their values are folded into lines of
one text (`lines`), of which an index knows the pieces (`pieces`); what is searched for is folded
the same way (`asked`), so the two cannot disagree.
"""
