"""Many runs: which are missing, in which order, in which processes, and whether numbers still stand."""
