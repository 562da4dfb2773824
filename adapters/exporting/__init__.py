"""Exports (driving): any list as CSV or as a workbook, in memory that does not grow with the list.

A row goes from the table's values to cells, and from cells into a file; no row objects are made on
the way. What is promised: the same rows as the list has, one consistent state of the table, no
cell that a spreadsheet takes for a formula.
"""
