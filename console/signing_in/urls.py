"""The addresses of signing in: the library's names, our places.

What is not named here does not exist: no sign-up, no e-mail addresses, no password by mail.
"""

from django.urls import path

from console.signing_in import views

urlpatterns = [
    path("login/", views.SignIn.as_view(), name="account_login"),
    path("login/second-factor/", views.SecondFactor.as_view(), name="mfa_authenticate"),
    path("login/passkey/", views.PasskeySignIn.as_view(), name="mfa_login_webauthn"),
    path("login/cancel/", views.sign_out_of_half_way, name="account_logout"),
    path("login/cancelled/", views.single_sign_on_cancelled, name="socialaccount_login_cancelled"),
    path("login/<slug:provider_id>/", views.single_sign_on, name="openid_connect_login"),
    path("login/<slug:provider_id>/done/", views.single_sign_on_done, name="openid_connect_callback"),
    path("confirm/", views.PasswordAgain.as_view(), name="account_reauthenticate"),
    path("confirm/code/", views.CodeAgain.as_view(), name="mfa_reauthenticate"),
    path("confirm/passkey/", views.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    path("sign-in/", views.MySignIn.as_view(), name="mfa_index"),
    path("sign-in/elsewhere/", views.sign_out_elsewhere, name="sign_out_elsewhere"),
    path("sign-in/app/", views.SetUpApp.as_view(), name="mfa_activate_totp"),
    path("sign-in/app/remove/", views.RemoveApp.as_view(), name="mfa_deactivate_totp"),
    path("sign-in/codes/", views.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path("sign-in/codes/new/", views.NewRecoveryCodes.as_view(), name="mfa_generate_recovery_codes"),
    path("sign-in/passkey/", views.AddPasskey.as_view(), name="mfa_add_webauthn"),
    path("sign-in/passkey/<int:pk>/", views.RenamePasskey.as_view(), name="mfa_edit_webauthn"),
    path("sign-in/passkey/<int:pk>/remove/", views.RemovePasskey.as_view(), name="mfa_remove_webauthn"),
]
