# One image for publisher, consumer and the commands.

FROM node:20.20.2-bookworm-slim AS build
WORKDIR /slotcast
COPY package.json package-lock.json tsconfig.base.json ./
COPY packages packages
COPY services services
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN npx tsc -b services/cli

FROM node:20.20.2-bookworm-slim AS dependencies
WORKDIR /slotcast
COPY package.json package-lock.json ./
COPY packages packages
COPY services services
# What the command line needs at run time; optional packages are the servers of the test kit.
RUN npm ci --omit=dev --omit=optional --workspace=slotcast --ignore-scripts --no-audit --no-fund

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production
WORKDIR /slotcast
COPY --from=build /slotcast/packages packages
COPY --from=build /slotcast/services services
COPY --from=dependencies /slotcast/node_modules node_modules
COPY package.json LICENSE ./
USER node
EXPOSE 9477 9478
ENTRYPOINT ["node", "/slotcast/services/cli/bin/slotcast.js"]
CMD ["--help"]
