"""Pages of the assistant, within a workspace."""

from django.urls import path

from marketplace.assistant import views

app_name = "assistant"
urlpatterns = [
    path("assistant/", views.panel, name="panel"),
    path("assistant/advice/", views.advice_list, name="advice-list"),
    path("assistant/advice/look/", views.advice_look, name="advice-look"),
    path("assistant/advice/<uuid:pk>/", views.advice_detail, name="advice-detail"),
    path("assistant/advice/<uuid:pk>/acting/", views.advice_acting, name="advice-acting"),
    path("assistant/advice/<uuid:pk>/dismissal/", views.advice_dismissal, name="advice-dismissal"),
    path("assistant/advice/<uuid:pk>/snooze/", views.advice_snooze, name="advice-snooze"),
    path("assistant/advice/<uuid:pk>/simulation/", views.advice_simulation, name="advice-simulation"),
]
