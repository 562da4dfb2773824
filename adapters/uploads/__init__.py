"""Uploads (driving): files that come in over HTTP to be imported, kept until that is done.

Promises: what was taken is imported, whichever process serves and whatever is killed meanwhile; at
no moment by two at once; how far it is can be read from every process; and what is kept of a file
is sealed, and gone when it is not needed any more.
"""
