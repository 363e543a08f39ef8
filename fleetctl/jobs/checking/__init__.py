"""What is known to be wrong with a job before anything is connected."""
