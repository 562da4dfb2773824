"""Driving adapter: a simulated company's history, told through ordinary commands.

Promises: the same arguments tell the same history; telling it again changes nothing; one that was
interrupted goes on when it is told again. Companies and people are invented; their
cities are real.
"""
