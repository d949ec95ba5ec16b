"""What is checked of a service from outside: `reply` asks, `evidence` keeps, `judge` judges, `telling` tells."""
