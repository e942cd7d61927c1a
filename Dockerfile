# PostgreSQL with avq: docker build --build-arg PG_MAJOR=17 -t avq . ; the image is used as the official
# postgres image is (POSTGRES_PASSWORD, /docker-entrypoint-initdb.d, ...).
ARG PG_MAJOR=17
FROM postgres:${PG_MAJOR}-bookworm AS build
ARG PG_MAJOR
RUN apt-get update && apt-get install -y --no-install-recommends \
      g++ make libeigen3-dev libhwy-dev "postgresql-server-dev-$PG_MAJOR" && \
    rm -rf /var/lib/apt/lists/*
COPY . /src/avq
RUN cd /src/avq && make clean && make -j"$(nproc)" && make install DESTDIR=/install

FROM postgres:${PG_MAJOR}-bookworm
RUN apt-get update && apt-get install -y --no-install-recommends libhwy1 && rm -rf /var/lib/apt/lists/*
COPY --from=build /install /
