"""pgvector-python with SQLAlchemy against a server with avq."""
import sys

import numpy as np
import psycopg
from pgvector import SparseVector
from pgvector.sqlalchemy import HALFVEC, SPARSEVEC, VECTOR
from sqlalchemy import Index, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column
from sqlalchemy.types import Integer


class Base(DeclarativeBase):
  pass


class Item(Base):
  __tablename__ = "orm_items"
  id = mapped_column(Integer, primary_key=True)
  embedding = mapped_column(VECTOR(3))
  half = mapped_column(HALFVEC(3))
  sparse = mapped_column(SPARSEVEC(3))


Index("orm_items_ip", Item.embedding, postgresql_using="avq",
      postgresql_with={"target_recall": 0.99}, postgresql_ops={"embedding": "vector_ip_ops"})
Index("orm_items_half", Item.half, postgresql_using="avq",
      postgresql_ops={"half": "halfvec_cosine_ops"})

engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(sys.argv[1]))
Base.metadata.create_all(engine)
with Session(engine) as session:
  session.add_all([
      Item(embedding=[1, 1, 1], half=[1, 1, 1], sparse=SparseVector([1, 0, 0])),
      Item(embedding=[2, 2, 2], half=[2, 2, 2], sparse=SparseVector([0, 2, 0])),
      Item(embedding=np.array([1, 1, 2]), half=[1, 1, 2], sparse=SparseVector([0, 0, 3])),
  ])
  session.commit()
  session.execute(text("SET enable_seqscan = off"))
  order = lambda column: [item.id for item in session.scalars(select(Item).order_by(column))]
  assert order(Item.embedding.max_inner_product([1, 1, 1])) == [2, 3, 1]
  assert order(Item.embedding.l2_distance([1, 1, 1])) == [1, 3, 2]
  assert order(Item.embedding.cosine_distance([1, 1, 2]))[0] == 3
  assert order(Item.embedding.l1_distance([1, 1, 1])) == [1, 3, 2]
  assert order(Item.half.cosine_distance([1, 1, 2]))[0] == 3
  assert order(Item.sparse.l2_distance(SparseVector([0, 0, 3])))[0] == 3
  near = session.scalars(select(Item).filter(Item.embedding.l2_distance([1, 1, 1]) < 1.5)).all()
  assert {item.id for item in near} == {1, 3}
  average = session.scalar(select(func.avg(Item.embedding, type_=VECTOR(3))))
  average = average.to_list() if hasattr(average, "to_list") else average
  assert np.allclose(average, [4 / 3, 4 / 3, 5 / 3]), average
print("SQLAlchemy: ok")
