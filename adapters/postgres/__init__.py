"""Driven adapter for Postgres: promises a durable store, an embedded server where none is given."""
