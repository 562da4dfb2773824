"""Contents in Postgres (driven): sealed chunks of attached files, in the database of everything."""
