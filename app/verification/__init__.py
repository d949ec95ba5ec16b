"""What is checked of a service from outside: `reply` asks, `evidence` keeps, `judgement` judges, `telling` tells."""
