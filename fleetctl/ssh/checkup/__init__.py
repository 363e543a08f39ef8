"""The way to a host gone step by step, for `fleetctl doctor`."""
