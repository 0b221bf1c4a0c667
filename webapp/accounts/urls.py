from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from webapp.accounts import views

app_name = "accounts"
urlpatterns = [
    path("enter/<str:token>/", views.enter, name="enter"),
    path(
        "sign-in/",
        LoginView.as_view(template_name="accounts/sign_in.html", redirect_authenticated_user=True),
        name="sign_in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("password/", views.password, name="password"),
]
