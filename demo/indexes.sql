-- What `make psql` adds to load.sql; the demonstration builds them as it goes.
CREATE INDEX words_cosine ON words USING avq (embedding vector_cosine_ops);
CREATE INDEX functions_ip ON functions USING avq (embedding vector_ip_ops);
