# Image of the engine, for `runbook worker` and `runbook serve`. Temporal, PostgreSQL and the diagnosed systems are not part of it.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/bin bin
COPY --from=build /app/schema schema
COPY --from=build /app/runbooks runbooks
RUN ln -s /app/bin/runbook.js /usr/local/bin/runbook && mkdir .runbook && chown node:node .runbook
USER node
EXPOSE 8080
CMD ["runbook", "serve"]
