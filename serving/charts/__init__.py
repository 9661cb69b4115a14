"""Where the marks of a chart stand; templates draw them as inline SVG."""
