"""Views folded from events."""
