"""What a person runs: one command line over everything."""
