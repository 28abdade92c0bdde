from django.contrib import admin

from tests.shop.models import Product

admin.site.register(Product)
