# The command galaxy-classify with its models, on any folder that is mounted; nobody is root, and no network is needed.
#   docker build --tag galaxy-classify .
#   docker run --rm --network none --volume "$PWD:/work:ro" galaxy-classify images --format csv > results.csv
# To write files, mount the folder without :ro, and run as its owner: --user "$(id -u):$(id -g)".

FROM debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f AS build
# No versions: Debian keeps one of each package in a release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv
COPY . /source
RUN sh /source/containers/install.sh /source /opt/galaxy-classify

FROM debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log
COPY --from=build /opt/galaxy-classify /opt/galaxy-classify
ENV PATH=/opt/galaxy-classify/bin:$PATH
USER 1000:1000
WORKDIR /work
RUN galaxy-classify self-test
ENTRYPOINT ["galaxy-classify"]
CMD ["--help"]
