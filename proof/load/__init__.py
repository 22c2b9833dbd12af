"""Many people, approvers and agents at once, on a Galaxy of its own: what each page and door takes, and what grows."""
