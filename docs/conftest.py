"""Doctests of the pages: what people wrote, not what the build writes, and no build scripts."""

collect_ignore_glob = ["*.py", "_ext/*", "_build/*", "auto_examples/*", "api/generated/*"]
