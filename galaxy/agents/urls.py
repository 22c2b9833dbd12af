from django.urls import path

from galaxy.agents import views

app_name = "agents"
urlpatterns = [
    path("agents/", views.agent_list, name="agent-list"),
    path("agents/new/", views.agent_create, name="agent-create"),
    path("agents/<uuid:pk>/", views.agent_detail, name="agent-detail"),
    path("agents/<uuid:pk>/change/", views.agent_change, name="agent-change"),
    path("agents/<uuid:pk>/tokens/", views.agent_token, name="agent-token"),
    path("agents/<uuid:pk>/suspension/", views.agent_suspension, name="agent-suspension"),
    path("agents/<uuid:pk>/resumption/", views.agent_resumption, name="agent-resumption"),
    path("agents/<uuid:pk>/end/", views.agent_end, name="agent-end"),
]
