"""Finding extensions among a hundred thousand: words, typos, facets with counts, an order that explains itself, pages.

``marketplace.search.engine.search`` is the door; how it works stands in docs/search.md.
"""
