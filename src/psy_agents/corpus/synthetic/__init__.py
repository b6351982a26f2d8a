"""A corpus in the ReDSM5 format made of invented posts: free to share, and hard enough to learn from."""
