"""Pairing: which customers, and which contacts, look the same, kept up to date behind the views.

Driven by the positions of the views it reads. It promises: what is in `matching.pairs` is a
function of the rows of those views, whatever the order in which they came to be; a rebuild gives
the same. docs/decisions/0013-duplicates.md says why it is made like this.
"""
