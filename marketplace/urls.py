"""Pages of the marketplace, within a workspace."""

from django.urls import path, register_converter

from marketplace import views


class SlugConverter:
    """The name of an extension: lower-case words with dots, dashes and underscores (``lead.follow-up``)."""

    regex = r"[a-z0-9][a-z0-9._-]{0,79}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(SlugConverter, "extension")

app_name = "marketplace"
urlpatterns = [
    path("marketplace/", views.listing_list, name="listing-list"),
    path("comparison/", views.listing_comparison, name="listing-comparison"),
    path("marketplace/<extension:slug>/", views.listing_detail, name="listing-detail"),
    path("marketplace/<extension:slug>/install/", views.listing_install, name="listing-install"),
]
