"""Every page of the console is a page of the admin site, but for those of signing in, which stand in front."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("", include("console.signing_in.urls")), path("", admin.site.urls)]
handler429 = "console.signing_in.views.too_many"
