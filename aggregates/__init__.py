"""The business: facts, state and rules. Imports nothing else of Backstory."""
