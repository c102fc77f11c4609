"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path

from chatbot import views

urlpatterns = [
    path("admin/knowledge/", include("chatbot.admin.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("health", views.health, name="health"),
    path("", views.home, name="home"),
    path("<slug:tenant>/", views.choose_locale, name="choose_locale"),
    path("<slug:tenant>/<str:locale>/", views.chat, name="chat"),
]
