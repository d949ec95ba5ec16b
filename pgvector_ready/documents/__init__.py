"""A report as sentences, documents and bytes."""
