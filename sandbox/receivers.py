"""What the sandbox does when a lower floor has news."""


def connect() -> None:
    """Subscribe once, when the app is ready."""
