"""Results of `fasttricks bench` as one page: files are read into runs, runs become charts and
tables, and these are drawn as HTML with inline SVG, or as PNG. Nothing here imports torch."""
