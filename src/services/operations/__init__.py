"""Reports to operators: health, diagnostics, metrics, and whose the folders of files are."""
