"""Addresses of the screens about a tenant's knowledge."""

from django.urls import path

from chatbot.admin import (
    alternates,
    coverage,
    preview,
    question_files,
    search,
    suites,
    topic,
    training,
    try_it,
    versions,
)

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
    path("training/", training.page, name="training"),
    path("training/of/<int:pk>/moved/", training.moved, name="training_moved"),
    path("training/start/", training.start, name="training_start"),
    path("training/<int:pk>/", training.results, name="training_run"),
    path("training/<int:pk>/progress/", training.progress, name="training_progress"),
    path("training/<int:pk>/cancel/", training.cancel, name="training_cancel"),
    path("versions/of/<int:pk>/", versions.page, name="versions"),
    path("versions/of/<int:pk>/progress/", versions.progress, name="versions_progress"),
    path("versions/of/<int:pk>/compare/", versions.compare, name="versions_compare"),
    path("versions/of/<int:pk>/back/", versions.roll_back, name="versions_back"),
    path("versions/of/<int:pk>/stop/", versions.stop, name="versions_stop"),
    path("versions/of/<int:pk>/upload/", versions.upload, name="versions_upload"),
    path("versions/<int:pk>/", versions.report, name="version"),
    path("versions/<int:pk>/promote/", versions.promote, name="version_promote"),
    path("versions/<int:pk>/download/", versions.download, name="version_download"),
    path("preview/", preview.preview, name="preview"),
    path("preview/frame/", preview.frame, name="frame"),
    path("preview/source/", preview.source, name="source"),
]
