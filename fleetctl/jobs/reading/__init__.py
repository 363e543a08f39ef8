"""Job files: how the words of one become a Job."""
