"""A connection in, facts out: the SQL, and who asks it."""
