"""The check of a service from outside: `reply` asks, `evidence` keeps, `judge` judges, `presentation` shows."""
