"""The card of a listing, written when it changes not when it is read. What differs by workspace goes in then."""
