"""Results as text, JSON and HTML. The only package that prints."""
