"""Numbers, verdicts and figures as readers see them. Reads records and tables only; no torch."""
