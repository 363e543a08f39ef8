"""What the commands of `fleetctl job` do; each is imported when it runs."""
