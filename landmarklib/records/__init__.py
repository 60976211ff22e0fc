"""What came out of runs, and everything that is asked of it without training. No torch."""
