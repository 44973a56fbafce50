"""Records streams and direct files of any site, in parts that survive the death of a worker."""
