"""Scripted jobs: a YAML file of steps that each host walks through on one session."""
