from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django_cloudspotlicense.views import LoginView

from billing.views import Invoices, NewInvoice

urlpatterns = [
    path('', Invoices.as_view(), name='invoices'),
    path('invoices/new', NewInvoice.as_view(), name='new_invoice'),
    path('login', LoginView.as_view(), name='login'),
    path('logout', LogoutView.as_view(), name='logout'),
    # The choice of company, the events and impersonation. This base, https://site.example/auth, is what an operator enters.
    path('auth/', include('django_cloudspotlicense.urls')),
]
