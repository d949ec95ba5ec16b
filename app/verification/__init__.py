"""What is checked of a service from outside: `reply` asks, `judgement` judges, `telling` tells."""
