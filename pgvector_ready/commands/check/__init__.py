"""`check`: the runbook once, from a command line."""
