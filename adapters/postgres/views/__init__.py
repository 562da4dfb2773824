"""The views: tables folded from the log by one leader, rebuilt beside what is read."""
