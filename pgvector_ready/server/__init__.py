"""uvicorn, as `serve` runs it."""
