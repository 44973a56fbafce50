"""Records streams and direct files of any site, segment by segment, so that another worker can continue."""
