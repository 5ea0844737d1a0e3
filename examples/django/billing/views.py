from django.views.generic import TemplateView
from django_cloudspotlicense.mixins import PermissionRequiredMixin


class Invoices(PermissionRequiredMixin, TemplateView):
    """For everybody who may use this site in the company where he works.

    Not by LoginRequiredMixin: after `auth/set-company/<id>` the package takes any company that the site knows for the user's own,
    only without permissions. So every page must ask for one; `use_app` is the one that everybody has.
    """

    permission_required = 'use_app'
    template_name = 'invoices.html'


class NewInvoice(PermissionRequiredMixin, TemplateView):
    """For who may make invoices there."""

    permission_required = 'create_invoice'
    template_name = 'new_invoice.html'
