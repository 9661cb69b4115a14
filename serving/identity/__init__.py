"""Sign-in: the OpenID provider, its tokens, and its groups."""
