"""The report of a study: one HTML file that is complete in itself, and its figures as files."""
