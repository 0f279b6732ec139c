"""One look at everything that acts by itself; each part guarded, so that one fails alone."""
