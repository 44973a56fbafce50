"""Records a running stream as a whole: from its start or from now on, until it ends."""
