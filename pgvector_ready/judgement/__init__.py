"""Facts and requirements in, a report out; pure, and it imports nothing but itself."""
