"""Single sign-on: people come in by their company's OpenID Connect or SAML provider.

``configuration`` reads which provider there is, ``oidc`` and ``saml`` turn an answer of it into an ``Identity`` or
refuse it, ``admission`` decides whose account that opens. allauth keeps the ties (SocialAccount) and signs in.
"""
