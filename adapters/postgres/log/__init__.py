"""The event store: appends in group commits, reads up to a proved head."""
