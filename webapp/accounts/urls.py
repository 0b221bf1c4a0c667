from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from webapp.accounts.views import people, signing_in

app_name = "accounts"
urlpatterns = [
    path("enter/<str:token>/", signing_in.enter, name="enter"),
    path(
        "sign-in/",
        LoginView.as_view(template_name="accounts/sign_in.html", redirect_authenticated_user=True),
        name="sign_in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign_out"),
    path("password/", signing_in.password, name="password"),
    path("people/", people.people, name="people"),
    path("people/<int:person_id>/role/", people.change_role, name="change_role"),
    path("people/<int:person_id>/link/", people.new_link, name="new_link"),
    path("people/<int:person_id>/leave/", people.leave, name="leave"),
    path("people/<int:person_id>/return/", people.come_back, name="come_back"),
]
