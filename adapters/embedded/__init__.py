"""Driven adapter: a Postgres server of our own in a data folder, ended with its owner."""
