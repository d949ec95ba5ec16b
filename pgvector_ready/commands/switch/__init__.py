"""`switch`: move a Render service to another database."""
