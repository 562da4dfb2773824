"""Attachments (driven): what files hold, sealed and kept, and what is asked of them before.

A content is a sequence of chunks, each sealed with the key of the data subject whom the file is
about and bound to its place. Where chunks lie and who looks for viruses are ports.
"""
