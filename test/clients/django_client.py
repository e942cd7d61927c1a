"""pgvector-python with Django against a server with avq."""
import sys

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

parts = conninfo_to_dict(sys.argv[1])
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "NAME": parts["dbname"], "HOST": parts["host"],
        "PORT": parts["port"], "USER": parts.get("user", ""),
    }}, DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()

import numpy as np
from django.contrib.postgres.indexes import PostgresIndex
from django.db import connection, models
from pgvector.django import (CosineDistance, HalfVectorField, L2Distance, MaxInnerProduct,
                             SparseVectorField, VectorField)


class AvqIndex(PostgresIndex):
  suffix = "avq"


class Item(models.Model):
  embedding = VectorField(dimensions=3)
  half = HalfVectorField(dimensions=3, null=True)
  sparse = SparseVectorField(dimensions=3, null=True)

  class Meta:
    app_label = "shop"
    db_table = "django_items"
    indexes = [AvqIndex(fields=["embedding"], name="django_ip", opclasses=["vector_ip_ops"])]


with connection.schema_editor() as editor:
  editor.create_model(Item)
for embedding in ([1, 1, 1], [2, 2, 2], [1, 1, 2]):
  Item(embedding=embedding, half=embedding).save()
ids = lambda distance: [item.id for item in Item.objects.order_by(distance)]
assert ids(MaxInnerProduct("embedding", [1, 1, 1])) == [2, 3, 1]
assert ids(L2Distance("embedding", np.array([1, 1, 1]))) == [1, 3, 2]
assert ids(CosineDistance("half", [1, 1, 2]))[0] == 3
assert np.array_equal(Item.objects.get(pk=2).embedding, [2, 2, 2])
average = Item.objects.aggregate(average=models.Avg("embedding"))["average"]
assert np.allclose(average, [4 / 3, 4 / 3, 5 / 3])
print("Django: ok")
