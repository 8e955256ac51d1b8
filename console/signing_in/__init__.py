"""How people sign in, prove themselves again, and keep what they sign in with; django-allauth does the protocols.

The rules of this house are in the adapters, the entries in the trail in the views, the looks in templates/account,
templates/mfa and templates/socialaccount. Nobody signs up here: people are added by a platform owner.
"""
