"""Addresses of the screens about a tenant's knowledge."""

from django.urls import path

from chatbot.admin import alternates, coverage, preview, question_files, search, suites, topic, try_it

app_name = "knowledge"
urlpatterns = [
    path("coverage/", coverage.coverage, name="coverage"),
    path("topic/", topic.topic, name="topic"),
    path("search/", search.page, name="search"),
    path("try/", try_it.page, name="try"),
    path("try/ask/", try_it.try_it, name="ask"),
    path("alternate/", alternates.add, name="alternate"),
    path("suites/", suites.page, name="suites"),
    path("suites/questions/", question_files.page, name="questions"),
    path("suites/run/", suites.run, name="suite_run"),
    path("suites/<int:pk>/", suites.results, name="suite"),
    path("suites/<int:pk>/progress/", suites.progress, name="suite_progress"),
    path("suites/<int:pk>/<int:position>/", suites.why, name="suite_why"),
    path("preview/", preview.preview, name="preview"),
    path("preview/frame/", preview.frame, name="frame"),
    path("preview/source/", preview.source, name="source"),
]
