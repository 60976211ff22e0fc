"""One run or a pack of runs, from experiment to record. The only wing that trains."""
