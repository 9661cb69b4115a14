"""Who signs in, and by whose word: the OpenID provider, its tokens, and its groups."""
