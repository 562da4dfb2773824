"""The reads: one builder of SQL over the views, for somebody, now or as of any moment."""
