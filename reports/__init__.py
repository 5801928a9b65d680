"""Screening reports: the content, the words and the PDF. Knows nothing but its own input."""
