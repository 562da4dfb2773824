"""One module per published figure; ``make bench`` runs them and prints the table."""
