"""The loader: broken and valid files, and what is made of them."""
