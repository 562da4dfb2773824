"""What callers may ask, and how an accepted request becomes events."""
