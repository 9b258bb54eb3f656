"""`fasttricks ablate`: a ladder of tricks from the command to its table, file and plot."""
