"""Whether a server is the one we mean: known_hosts files, and certificates of host keys."""
