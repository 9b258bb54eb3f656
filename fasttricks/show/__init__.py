"""What the pipelines make of a data set, drawn side by side: `fasttricks show`."""
