"""Reports health, diagnostics and metrics to operators, and ensures that the folders of files belong to the
database."""
