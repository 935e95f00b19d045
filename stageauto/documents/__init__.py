"""Documents on paper and on the screen: PDF, the page that shows one, signatures and the evidence of them.

Knows nothing of the state: it is given texts, pictures and keys, and gives back bytes. Needs the extra `documents`.
"""
