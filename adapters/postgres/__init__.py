"""Driven adapter for Postgres: promises a durable log, views folded from it, and reads of both."""
