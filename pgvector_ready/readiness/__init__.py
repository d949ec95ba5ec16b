"""The one shared answer, and the start-up that makes it true."""
