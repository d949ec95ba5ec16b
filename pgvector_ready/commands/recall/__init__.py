"""`recall`: how much of what is there a search by an index finds."""
