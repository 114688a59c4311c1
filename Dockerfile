# Landline as an image: `docker build -t landline .`, then `docker run -p 3128:3128 -p 3129:3129 -v landline:/data landline`.
# For two kinds of machine, with a list of parts and how it was built:
#   docker buildx build --platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max --tag REGISTRY/landline:VERSION --push .
# Runs as a numeric user without privileges; the root file system may be read-only, /data is all that is written to.

FROM node:26.10.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:26.10.0-bookworm-slim
LABEL org.opencontainers.image.title="landline" \
      org.opencontainers.image.description="A forward proxy that keeps conferencing on the land line" \
      org.opencontainers.image.licenses="Apache-2.0"

# The default folders, data/audit and data/keys, lie in the volume.
RUN install -d -m 0750 -o 65532 -g 65532 /data && mkdir /app && ln -s /data /app/data
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
COPY rules rules
COPY pages pages
COPY proxy proxy
COPY metrics metrics
COPY audit audit
COPY admin admin
COPY cli cli

# Loopback of the container cannot be published. Set them to nothing to let a server file decide.
ENV NODE_ENV=production \
    LANDLINE_LISTEN=0.0.0.0:3128 \
    LANDLINE_ADMIN_ADDRESS=0.0.0.0:3129

USER 65532:65532
VOLUME /data
EXPOSE 3128 3129
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["node", "cli/healthcheck.ts"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "cli/main.ts"]
CMD ["serve"]
