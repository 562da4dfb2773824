"""``python -m adapters.cli``: the command without its script."""

from adapters.cli.main import main

main()
