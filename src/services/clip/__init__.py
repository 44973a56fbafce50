"""The clip engine: frame-exact clips and whole videos from remote media, fetched with parallel range requests."""
