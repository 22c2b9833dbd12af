"""Pages of the marketplace, within a workspace."""

from django.urls import path, register_converter

from marketplace import views
from marketplace.evidence import views as evidence_views


class SlugConverter:
    """The name of an extension: lower-case words with dots, dashes and underscores (``lead.follow-up``)."""

    regex = r"[a-z0-9][a-z0-9._-]{0,79}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class NumberConverter(SlugConverter):
    """The number of a version; what can be none (a NUL, digits of another script, thousands of them) leads nowhere."""

    regex = r"[0-9A-Za-z.+-]{1,64}"


register_converter(SlugConverter, "extension")
register_converter(NumberConverter, "number")

app_name = "marketplace"
urlpatterns = [
    path("marketplace/levels/how-badges-age/", evidence_views.level_list, name="level-list"),
    path("marketplace/levels/lowered/<int:pk>/appeal/", evidence_views.lowering_appeal, name="lowering-appeal"),
    path("marketplace/levels/appeals/", evidence_views.appeal_list, name="appeal-list"),
    path("marketplace/levels/appeals/<int:pk>/", evidence_views.appeal_answer, name="appeal-answer"),
    path("installed/<uuid:pk>/tests/", evidence_views.installation_tests, name="installation-tests"),
    path("marketplace/", views.listing_list, name="listing-list"),
    path("comparison/", views.listing_comparison, name="listing-comparison"),
    path("marketplace/<extension:slug>/", views.listing_detail, name="listing-detail"),
    path("marketplace/<extension:slug>/install/", views.listing_install, name="listing-install"),
]
