from billing.urls import urlpatterns as example
from django.contrib.auth import get_user_model
from django.http import JsonResponse
from django.urls import path


def stored(request):
    """What is known of each user, from the package's own tables."""
    return JsonResponse({user.username: describe(user) for user in get_user_model().objects.all()})


def describe(user):
    return {
        'first_name': user.first_name,
        'last_name': user.last_name,
        'email': user.email,
        # Since 5.0.
        'pin': getattr(user, 'pin', None),
        'token': user.license_token,
        'company': user.company and str(user.company.id),
        'companies': sorted(company.name for company in user.available_companies.all()),
        'permissions': sorted(permission.codename for permission in user.user_permissions.all()),
        'has_password': user.has_usable_password(),
    }


urlpatterns = [path('stored', stored), *example]
