"""OAuth 2 as a client: requests to token endpoints, what their answers mean, and consent screens. Pure: no Django, no
rows, no network. Authlib and joserfc do the protocol's own parts.
"""
