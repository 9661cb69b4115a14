"""Where the marks of a chart stand, and one template that draws them: for pages and the report."""
