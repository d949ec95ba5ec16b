"""The service under a steady load for as long as you like, while its database is broken every minute: `make soak`."""
