"""Addresses of the screens about a tenant's knowledge."""

from django.urls import path

from chatbot.admin import coverage, preview, search, topic, try_it

app_name = "knowledge"
urlpatterns = [
    path("coverage/", coverage.coverage, name="coverage"),
    path("topic/", topic.topic, name="topic"),
    path("search/", search.page, name="search"),
    path("try/", try_it.page, name="try"),
    path("try/ask/", try_it.try_it, name="ask"),
    path("preview/", preview.preview, name="preview"),
    path("preview/frame/", preview.frame, name="frame"),
    path("preview/source/", preview.source, name="source"),
]
