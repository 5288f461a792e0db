/// <reference types="vitest/config" />
import { defineConfig, type Plugin } from "vite";

/**
 * What the built pages may load: their own files and nothing else. The server sends the same as a header; written into
 * the page as well it holds behind any proxy. Only in the build, because the development server injects styles inline.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

function contentSecurityPolicy(): Plugin {
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [
      {
        tag: "meta",
        attrs: { "http-equiv": "Content-Security-Policy", content: CONTENT_SECURITY_POLICY },
        injectTo: "head-prepend",
      },
    ],
  };
}

const server = process.env.MUSTER_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [contentSecurityPolicy()],
  build: {
    target: "es2022",
    // No inlined files: the policy above has no data: for scripts and styles, and one rule is easier to trust.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { participant: "index.html", console: "console/index.html" },
    },
  },
  server: {
    proxy: {
      "/api": server,
      "/readyz": server,
      "/mqtt": { target: server, ws: true },
    },
  },
  test: { include: ["*/test/**/*.test.ts"] },
});
