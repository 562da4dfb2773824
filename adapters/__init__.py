"""The outside world: the only package that knows databases, brokers, HTTP and the command line."""
